/** The settings of the image that a stage has come to, changed by one instruction after the other. */

import { posix } from 'node:path'
import type { CommandLine, Instruction } from '../dockerfile/instruction.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import type { ImageSettings } from '../document.ts'
import { exposedPorts } from './ports.ts'
import type { StageScope } from './scope.ts'

export interface Settings {
  readonly image: ImageSettings
  readonly author: string | undefined
  /** Set in this stage, so that a base's CMD is not kept beside another ENTRYPOINT. */
  readonly hasOwnCommand: boolean
}

export const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c']

/** Instructions that change settings and no file. */
export type SettingInstruction = Exclude<
  Instruction,
  { readonly kind: 'from' | 'run' | 'copy' | 'add' | 'arg' }
>

/** What `instruction` makes of the settings; variables it sets are set in `scope` too. */
export function applySetting(
  settings: Settings,
  instruction: SettingInstruction,
  scope: StageScope,
): Settings {
  const { image } = settings
  if (instruction.kind === 'maintainer') return { ...settings, author: instruction.value.text }
  if (instruction.kind === 'cmd') {
    const Cmd = commandArgs(instruction.command, image)
    return { ...settings, image: { ...image, Cmd }, hasOwnCommand: true }
  }
  if (instruction.kind === 'entrypoint') {
    const Entrypoint = commandArgs(instruction.command, image)
    const { Cmd, ...rest } = image
    // The base's command for another entrypoint makes no sense.
    const kept = settings.hasOwnCommand && Cmd ? { Cmd } : {}
    return { ...settings, image: { ...rest, ...kept, Entrypoint } }
  }
  return { ...settings, image: { ...image, ...changeOf(image, instruction, scope) } }
}

function changeOf(
  image: ImageSettings,
  instruction: Exclude<SettingInstruction, { kind: 'maintainer' | 'cmd' | 'entrypoint' }>,
  scope: StageScope,
): ImageSettings {
  const { escape } = instruction.statement
  const expand = (word: Word): string => scope.expand(word, escape)
  switch (instruction.kind) {
    case 'env':
      return { Env: setEnvironment(scope, pairsOf(instruction, expand)) }
    case 'label':
      return { Labels: { ...image.Labels, ...pairsOf(instruction, expand) } }
    case 'workdir':
      return { WorkingDir: workingDirectory(image, expand(instruction.value)) }
    case 'user':
      return { User: needed(instruction.value, expand) }
    case 'stopsignal':
      return { StopSignal: signal(instruction.value, expand) }
    case 'expose': {
      const words = instruction.values.flatMap((value) =>
        scope.expandAll(value, escape).map((text) => ({ ...value, text })),
      )
      return { ExposedPorts: { ...image.ExposedPorts, ...exposedPorts(words) } }
    }
    case 'volume': {
      const places = instruction.values.map((value) => [needed(value, expand), {}])
      return { Volumes: { ...image.Volumes, ...Object.fromEntries(places) } }
    }
    case 'shell':
      return { Shell: instruction.shell }
    case 'healthcheck':
      return { Healthcheck: instruction.health }
    case 'onbuild':
      return { OnBuild: [...(image.OnBuild ?? []), instruction.trigger] }
  }
}

/** The words that are run: the shell's before a text. */
function commandArgs(command: CommandLine, image: ImageSettings): readonly string[] {
  if (command.form === 'exec') return command.args
  return [...(image.Shell ?? DEFAULT_SHELL), command.text]
}

function pairsOf(
  { pairs }: Extract<SettingInstruction, { kind: 'env' | 'label' }>,
  expand: (word: Word) => string,
): Readonly<Record<string, string>> {
  // All are expanded before any is set: `ENV a=b c=$a` means the a from before.
  const entries = pairs.map(({ key, value }) => [expand(key), expand(value)] as const)
  return Object.fromEntries(entries)
}

function setEnvironment(
  scope: StageScope,
  pairs: Readonly<Record<string, string>>,
): readonly string[] {
  for (const [key, value] of Object.entries(pairs)) scope.env.set(key, value)
  return [...scope.env].map(([key, value]) => `${key}=${value}`)
}

function workingDirectory({ WorkingDir }: ImageSettings, path: string): string {
  return posix.resolve('/', WorkingDir ?? '/', path)
}

function needed(word: Word, expand: (word: Word) => string): string {
  const text = expand(word)
  if (text.trim() !== '') return text
  throw new Problem(`Cannot use "${word.text}": it is empty`, { span: word })
}

function signal(word: Word, expand: (word: Word) => string): string {
  const name = needed(word, expand)
  const isNumber = /^\d{1,2}$/.test(name) && Number(name) >= 1 && Number(name) <= 64
  if (isNumber || /^(SIG)?[A-Z][A-Z0-9+-]*$/i.test(name)) return name
  throw new Problem(`Cannot stop with "${name}": it is no signal`, {
    span: word,
    hint: 'write a name such as SIGTERM, or a number from 1 to 64',
  })
}
