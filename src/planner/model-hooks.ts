/** Programs around the life of a container, as the engine is told of them. */

/** Programs around the life of a container, each list in its order. */
export interface HooksSpec {
  /** Run to their end in containers of their own before the first replica starts. */
  readonly preStart: readonly HookSpec[]
  /** Run in the container when its program runs. */
  readonly postStart: readonly HookSpec[]
  /** Run in the container before its program is asked to end. */
  readonly preStop: readonly HookSpec[]
}

export interface HookSpec {
  readonly command: readonly string[]
  /** Of `preStart` alone; absent: the service's. */
  readonly image?: string
  /** Absent: as the container has it. */
  readonly user?: string
  readonly workingDir?: string
  readonly environment: Readonly<Record<string, string>>
  readonly privileged: boolean
}
