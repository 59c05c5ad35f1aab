/** How the user wants to be shown what happens: `--ansi` and `--progress` of Compose. */

import { Option } from 'commander'
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'

const ANSI = ['never', 'always', 'auto'] as const
const PROGRESS = ['auto', 'tty', 'plain', 'json', 'quiet'] as const

type Ansi = (typeof ANSI)[number]
type ProgressManner = (typeof PROGRESS)[number]

interface Manner {
  readonly ansi: Ansi
  readonly progress: ProgressManner
}

let manner: Manner | undefined

/** What was said for this process; before that, what its environment says. */
export function mannerOf(): Manner {
  return (manner ??= {
    ansi: fromEnvironment(ANSI, 'ANSI'),
    progress: fromEnvironment(PROGRESS, 'PROGRESS'),
  })
}

/** Options of the program: as in Compose they come before the command. */
export function addMannerOptions(program: Command): void {
  program
    .optionsGroup('Output:')
    .addOption(new Option('--ansi <when>', 'colours and moving pictures').choices(ANSI))
    .addOption(new Option('--progress <how>', 'how what is done is shown').choices(PROGRESS))
    .addOption(new Option('--no-ansi', 'as --ansi never').hideHelp())
    .hook('preAction', () => takeManner(program.opts()))
}

/** @throws {UsageError} for two that cannot be had together, as Compose does */
function takeManner({
  ansi,
  progress,
}: {
  readonly ansi?: Ansi | false
  readonly progress?: ProgressManner
}): void {
  const before = mannerOf()
  manner = {
    ansi: ansi === false ? 'never' : (ansi ?? before.ansi),
    progress: progress ?? before.progress,
  }
  if (manner.progress === 'tty' && manner.ansi === 'never') throw apart('tty', 'never')
  if (manner.progress === 'plain' && manner.ansi === 'always') throw apart('plain', 'always')
}

function apart(progress: ProgressManner, ansi: Ansi): UsageError {
  return new UsageError(
    `Cannot use --progress ${progress} with --ansi ${ansi}: they say the opposite`,
    {
      hint: 'leave one of them out',
    },
  )
}

/** COMPOSE_ANSI and COMPOSE_PROGRESS; what nobody understands is passed over. */
function fromEnvironment<T extends string>(known: readonly T[], name: string): T | 'auto' {
  return known.find((one) => one === process.env[`COMPOSE_${name}`]) ?? 'auto'
}
