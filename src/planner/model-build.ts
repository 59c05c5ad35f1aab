/** The part of the planner's data that is about images that a stack builds. */

/** Of one service. Relative paths begin at the project directory. */
export interface DesiredBuild {
  readonly service: string
  /** The name it gets. */
  readonly image: string
  /** Further names. */
  readonly tags: readonly string[]
  readonly context: string
  /** Relative to the context. */
  readonly dockerfile?: string
  readonly dockerfileInline?: string
  readonly target?: string
  /** `null`: the variable of the same name of whoever builds. */
  readonly args: Readonly<Record<string, string | null>>
  readonly contexts: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly network?: string
  readonly secrets: readonly {
    readonly id: string
    readonly file?: string
    /** Key of `DesiredState.values`. */
    readonly value?: string
  }[]
  /** `default`, or `id=path`. */
  readonly ssh: readonly string[]
  readonly shmBytes?: number
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
  readonly noCache: boolean
  readonly noCacheStages: readonly string[]
  readonly pull: boolean
  readonly platforms: readonly string[]
  /** Of RUN; absent: the defaults. */
  readonly ulimits?: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>
  /** `type=local,src=…`, or what else Docker knows. */
  readonly cacheFrom?: readonly string[]
  readonly cacheTo?: readonly string[]
}
