/** Images in the stores of other engines on this machine: Docker's and podman's. */

/** One image, with its layers as directories in overlay form. */
export interface ForeignImage {
  /** Names as people write them. */
  readonly names: readonly string[]
  /** As the other engine has it. */
  readonly config: Buffer
  /** Upper directories of overlayfs, lowest first. */
  readonly layers: readonly string[]
}

/** What an engine's store holds. */
export interface ForeignStore {
  /** `Docker`, `podman`. */
  readonly engine: string
  readonly directory: string
  readonly images: readonly ForeignImage[]
  readonly volumes: readonly ForeignVolume[]
}

export interface ForeignVolume {
  readonly name: string
  readonly data: string
  /** Of Compose: the stack and the key in its file. */
  readonly stack?: string
  readonly key?: string
}
