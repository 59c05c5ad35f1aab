/** The instructions of a Dockerfile as data. Words are as written: they are expanded when built. */

import type { Heredoc } from './heredoc.ts'
import type { Statement } from './statement.ts'
import type { Word } from './words.ts'

export type Instruction = { readonly statement: Statement } & InstructionBody

export type InstructionBody =
  | From
  | Run
  | Copy
  | {
      readonly kind: 'env' | 'label'
      readonly pairs: readonly { readonly key: Word; readonly value: Word }[]
    }
  | { readonly kind: 'arg'; readonly args: readonly ArgDeclaration[] }
  | { readonly kind: 'maintainer'; readonly value: Word }
  | { readonly kind: 'workdir' | 'user' | 'stopsignal'; readonly value: Word }
  | { readonly kind: 'expose' | 'volume'; readonly values: readonly Word[] }
  | { readonly kind: 'cmd'; readonly command: CommandLine }
  | { readonly kind: 'entrypoint'; readonly command: CommandLine }
  | { readonly kind: 'shell'; readonly shell: readonly string[] }
  | { readonly kind: 'healthcheck'; readonly health: ImageHealth }
  | { readonly kind: 'onbuild'; readonly trigger: string }

export interface From {
  readonly kind: 'from'
  readonly base: Word
  /** In lower case. */
  readonly name: string | undefined
  readonly platform: Word | undefined
}

export interface Run {
  readonly kind: 'run'
  readonly command: CommandLine
  /** `--mount=…` without the name of the flag. */
  readonly mounts: readonly Word[]
  readonly network: 'default' | 'none' | 'host'
}

export interface Copy {
  readonly kind: 'copy' | 'add'
  readonly sources: readonly CopySource[]
  readonly target: Word
  readonly from: Word | undefined
  readonly chown: Word | undefined
  readonly chmod: Word | undefined
  readonly excludes: readonly Word[]
  readonly link: boolean
  readonly parents: boolean
  /** ADD: unpack local archives; by default it does so. */
  readonly unpack: boolean | undefined
  /** ADD: digest of what is fetched. */
  readonly checksum: Word | undefined
  /** ADD: keep the .git directory of a git address. */
  readonly keepsGit: boolean
}

export type CopySource =
  | { readonly kind: 'path'; readonly path: Word }
  | { readonly kind: 'heredoc'; readonly heredoc: Heredoc }

/** `shell` is given to the shell of the stage, `exec` is run as it is. */
export type CommandLine =
  | { readonly form: 'shell'; readonly text: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: 'exec'; readonly args: readonly string[] }

export interface ArgDeclaration {
  readonly name: Word
  /** Absent: no default. */
  readonly value: Word | undefined
}

/** Times in nanoseconds, as in the config of an image; absent: the engine's default. */
export interface ImageHealth {
  readonly Test: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}
