/**
 * What the caller of `plan()` may ask for beside the stack itself; every field absent means a plain
 * `up` or `down`.
 */
export interface PlanOptions {
  /**
   * Only these services: with what they need for `up`, with what needs them for `down`. Absent or
   * empty: all.
   */
  readonly services?: readonly string[] | undefined
  /** Leave alone what the named services depend on. */
  readonly noDeps?: boolean | undefined
  /** `down -v`: named volumes of the stack and anonymous volumes go too; external ones never. */
  readonly volumes?: boolean | undefined
  /** Remove containers of services that the stack file no longer has. */
  readonly removeOrphans?: boolean | undefined
  /** Remove containers of these services when the stack file does not have them. */
  readonly removedServices?: readonly string[] | undefined
  /** Replace the named services (all, when none is named) even when nothing changed. */
  readonly forceRecreate?: boolean | undefined
  /** With `forceRecreate`: replace what the named services depend on as well. */
  readonly alwaysRecreateDeps?: boolean | undefined
  /** Keep every container that exists, whatever changed. */
  readonly noRecreate?: boolean | undefined
  /** Create and replace, but start nothing: `create`. */
  readonly noStart?: boolean | undefined
  /** Restart the named services (all, when none is named), whether or not anything changed. */
  readonly restart?: boolean | undefined
  /** The way back from an update that failed: `rollback_config` says how. */
  readonly rollback?: boolean | undefined
  /** False: containers of `run` stay when the stack is taken down or stopped. */
  readonly oneOffs?: boolean | undefined
  /** A replaced container gets empty anonymous volumes. */
  readonly renewAnonymousVolumes?: boolean | undefined
  /** Volumes whose definition changed are made anew, and their data is lost. */
  readonly recreateVolumes?: boolean | undefined
  /** Milliseconds between the stop signal and SIGKILL, instead of each service's own. */
  readonly graceMs?: number | undefined
}
