/**
 * The parts of the model that say how an image is made and what follows a change of its sources.
 */
import type { FileReference, NullableStringMap, StringMap } from './model.ts'

export interface Build {
  /** Absolute path or URL. */
  readonly context?: string
  /** Relative to `context`. */
  readonly dockerfile?: string
  readonly dockerfile_inline?: string
  readonly entitlements?: readonly string[]
  readonly args?: NullableStringMap
  readonly provenance?: string
  readonly sbom?: string
  readonly ssh?: readonly string[]
  readonly labels?: StringMap
  readonly cache_from?: readonly string[]
  readonly cache_to?: readonly string[]
  readonly no_cache?: boolean
  readonly no_cache_filter?: readonly string[]
  readonly additional_contexts?: StringMap
  readonly pull?: boolean
  readonly extra_hosts?: readonly string[]
  readonly isolation?: string
  readonly network?: string
  readonly target?: string
  readonly secrets?: readonly FileReference[]
  readonly shm_size?: string
  readonly tags?: readonly string[]
  readonly ulimits?: Readonly<
    Record<string, number | { readonly soft: number; readonly hard: number }>
  >
  readonly platforms?: readonly string[]
  readonly privileged?: boolean
}

export interface ServiceHook {
  readonly command: readonly string[] | null
  readonly image?: string
  readonly user?: string
  readonly privileged?: boolean
  readonly working_dir?: string
  readonly environment?: NullableStringMap
  readonly per_replica?: boolean
}

export interface Develop {
  readonly watch?: readonly {
    readonly path: string
    /** `rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`. */
    readonly action: string
    readonly target?: string
    readonly exec: ServiceHook
    readonly include?: readonly string[]
    readonly ignore?: readonly string[]
    readonly initial_sync?: boolean
  }[]
}
