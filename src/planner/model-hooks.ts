/** Programs around the life of a container, as the engine is told of them. */

/** Programs around the life of a container, each list in its order. */
export interface HooksSpec {
  /**
   * Run to their end in containers of their own: before the first replica starts, or before each.
   */
  readonly preStart: readonly HookSpec[]
  /** Run in the container when its program runs. */
  readonly postStart: readonly HookSpec[]
  /** Run in the container before its program is asked to end. */
  readonly preStop: readonly HookSpec[]
}

export interface HookSpec {
  /** Empty, of `preStart` alone: what its image is made for. */
  readonly command: readonly string[]
  /** Of `preStart` alone: once for each replica. Absent: once for all that start together. */
  readonly perReplica?: true
  /** Of `preStart` alone; absent: the service's. */
  readonly image?: string
  /** Digest of the manifest that `image` means; absent where it means none, or nobody knows yet. */
  readonly imageDigest?: string
  /** Absent: as the container has it. */
  readonly user?: string
  readonly workingDir?: string
  readonly environment: Readonly<Record<string, string>>
  readonly privileged: boolean
}
