/** `ls` and `inspect` of what stacks share by name: networks, volumes. */

import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import type { Run } from './command.ts'
import type { Context } from './context.ts'
import { filterCollector, matching, type Filter, type Questions } from './look-filter.ts'
import { formatOption, jsonOption } from './options.ts'
import { jsonForm, print } from './output.ts'
import { safeText } from './safe-text.ts'
import { table } from './table.ts'

interface Named {
  readonly spec: { readonly name: string }
}

/** What is looked at, and how one of it is shown. */
export interface Looks<Reading extends Named> {
  /** `network`: the command, and the word for one of them. */
  readonly noun: string
  readonly read: (context: Context) => Promise<readonly Reading[]>
  readonly head: readonly string[]
  readonly toRow: (reading: Reading) => readonly string[]
  readonly toJson: (reading: Reading) => unknown
  /** The fields of Docker, one line for each. */
  readonly toLine: (reading: Reading) => string
  /** What `--filter` can ask. */
  readonly questions: Questions<Reading>
}

interface LookFlags {
  readonly quiet?: boolean
  readonly json?: boolean
  readonly format?: string
  readonly filter?: readonly Filter[]
}

export function defineLooks<Reading extends Named>(
  command: Command,
  run: Run,
  looks: Looks<Reading>,
): void {
  const plural = `${looks.noun}s`
  command
    .command('ls')
    .description(`list ${plural}`)
    .option('-q, --quiet', 'names only')
    .option(
      '--filter <key=value>',
      `${Object.keys(looks.questions).join(', ')}; repeatable`,
      filterCollector(looks.questions),
    )
    .option('--no-trunc', 'accepted as in Docker: nothing is shortened anyway')
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((flags: LookFlags) => run((context) => list(context, looks, flags)))
  command
    .command('inspect')
    .description(`show all about ${plural}, as JSON`)
    .argument(`<${plural}...>`)
    .action((names: readonly string[]) => run((context) => inspect(context, looks, names)))
}

async function list<Reading extends Named>(
  context: Context,
  { read, head, toRow, toJson, toLine, questions }: Looks<Reading>,
  flags: LookFlags,
): Promise<number> {
  const found = matching(await read(context), questions, flags.filter ?? [])
  if (jsonForm(flags) === 'ours') print(JSON.stringify(found.map(toJson), undefined, 2))
  else if (jsonForm(flags) === 'compose') for (const one of found) print(toLine(one))
  else if (flags.quiet === true) for (const { spec } of found) print(safeText(spec.name))
  else print(table(head, found.map(toRow)))
  return 0
}

async function inspect<Reading extends Named>(
  context: Context,
  { noun, read, toJson }: Looks<Reading>,
  names: readonly string[],
): Promise<number> {
  const all = await read(context)
  const known = new Map(all.map((one) => [one.spec.name, one]))
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined) {
    const { didYouMean } = await import('../planner/index.ts')
    const guess = didYouMean(unknown, known.keys())
    throw new UsageError(`Cannot find ${noun} "${unknown}": there is none`, {
      hint: guess === undefined ? `see "tsstack ${noun} ls"` : `Did you mean "${guess}"?`,
    })
  }
  const found = names.flatMap((name) => known.get(name) ?? []).map(toJson)
  print(JSON.stringify(found, undefined, 2))
  return 0
}
