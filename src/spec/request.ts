/** What a caller hands to `loadStack`, and what comes back. */
import type { Diagnostic } from '../errors.ts'
import type { Stack } from './model.ts'

/**
 * The only way to files: the room itself reads nothing. Paths are absolute, except `-`, standard
 * input.
 */
export interface Loader {
  /** The whole content. Throws an Error whose message says why not (`permission denied`). */
  readFile(path: string): Uint8Array
  /** What is at the path, symbolic links followed. */
  kindOf(path: string): 'file' | 'directory' | 'other' | 'absent'
}

export interface LoadRequest {
  /** The caller's working directory, absolute. */
  readonly cwd: string
  /** The caller's environment; it wins over `.env` and `envFiles`. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly loader: Loader
  /**
   * `-f`, in order. Empty or absent: `COMPOSE_FILE`, else the default names, looked for upwards.
   */
  readonly files?: readonly string[] | undefined
  /** `-p`. */
  readonly projectName?: string | undefined
  /** `--instance`: after the project's name, whatever that is. */
  readonly instance?: string | undefined
  /** `--project-directory`. Absent: the folder of the first file. */
  readonly projectDirectory?: string | undefined
  /** `--env-file`, in order. Empty or absent: `.env` of the project directory. */
  readonly envFiles?: readonly string[] | undefined
  /** `--profile`; `*` means all. `COMPOSE_PROFILES` is added. */
  readonly profiles?: readonly string[] | undefined
  /** Services named on the command line: their profiles count as active. */
  readonly services?: readonly string[] | undefined
  /** Warnings count as errors. */
  readonly strict?: boolean | undefined
  /** `--all-resources`: networks, volumes and the like that no service uses stay. */
  readonly allResources?: boolean | undefined
  readonly phases?: PhaseOptions | undefined
}

/** Phases that `config` can leave out. All are on unless `false`. */
export interface PhaseOptions {
  readonly interpolate?: boolean | undefined
  /** Networks that no kernel could make are errors; left out, as for `config`, they are warnings. */
  readonly feasibility?: boolean | undefined
  readonly normalize?: boolean | undefined
  readonly resolvePaths?: boolean | undefined
  readonly consistency?: boolean | undefined
  readonly resolveEnvironment?: boolean | undefined
}

/** Text of each file read, by its path as shown in diagnostics; for excerpts. */
export type Sources = ReadonlyMap<string, string>

export type FoundPlace = Required<Pick<Diagnostic, 'file' | 'line' | 'column' | 'length'>>

export interface LoadedStack {
  readonly stack: Stack
  /** Warnings only: errors are thrown together as one `SpecError`. */
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
  /**
   * Where the key at a path of the stack stands, or what is nearest above it: for warnings of
   * others.
   */
  readonly placeOf: (path: readonly (string | number)[]) => FoundPlace
  /** Absolute. */
  readonly projectDirectory: string
  /**
   * Stack files given or found, absolute (or `-`), in the order of merging; included and extended
   * files are not here.
   */
  readonly files: readonly string[]
  /** Every path that was looked at: what a watcher has to watch. */
  readonly dependencies: readonly string[]
  /** Variables for interpolation: the caller's, `.env`, and `COMPOSE_PROJECT_NAME`. */
  readonly environment: Readonly<Record<string, string>>
  /** Contents of configs and secrets that are variables of an included project, by their names. */
  readonly includedValues: {
    readonly configs: Readonly<Record<string, string>>
    readonly secrets: Readonly<Record<string, string>>
  }
  /** All profiles that appear, active or not, sorted. */
  readonly profiles: readonly string[]
  /** Services of the files that are not in the stack, as none of their profiles is active; sorted. */
  readonly inactiveServices: readonly string[]
}
