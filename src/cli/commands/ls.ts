/** `tsstack ls`: the stacks of this machine. */

import { InvalidArgumentError } from 'commander'
import type { StackSummary } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import { lsItem } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { formatOption, jsonOption } from '../options.ts'
import { jsonForm, print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const lsCommand: CommandModule = {
  define: (command, run) => {
    command
      .option('-a, --all', 'accepted as in Compose: all are listed anyway')
      .option('-q, --quiet', 'names only')
      .option('--filter <filter>', 'name=TEXT: stacks whose name has it', parseFilter)
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((flags: LsFlags) => run((context) => ls(context, flags)))
  },
}

interface LsFlags {
  readonly json?: boolean
  readonly format?: string
  readonly quiet?: boolean
  readonly filter?: string
}

function parseFilter(value: string): string {
  const [, text] = /^name=(.+)$/.exec(value) ?? []
  if (text !== undefined) return text
  throw new InvalidArgumentError('it is name=TEXT.')
}

async function ls({ asking }: Context, flags: LsFlags): Promise<number> {
  const { stacks } = await askFor(asking, { kind: 'stacks' }, 'stacks')
  const { filter = '' } = flags
  const matching = stacks.filter(({ name }) => name.includes(filter))
  const sorted = matching.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  if (jsonForm(flags) === 'ours') print(JSON.stringify(sorted.map(toJson), undefined, 2))
  else if (jsonForm(flags) === 'compose') {
    print(JSON.stringify(sorted.map((stack) => lsItem(stack, statusText(stack)))))
  } else if (flags.quiet === true) for (const { name } of sorted) print(name)
  else print(table(['NAME', 'STATUS', 'FILES'], sorted.map(toRow)))
  return 0
}

function toRow(stack: StackSummary): readonly string[] {
  const { name, source } = stack
  return [name, statusText(stack), safeText(source?.files.join(', ') ?? '-')]
}

/** `running(2), exited(1)`. */
function statusText({ running, containers }: StackSummary): string {
  const ended = containers - running
  const status = [running > 0 && `running(${running})`, ended > 0 && `exited(${ended})`]
  const text = status.filter((each) => each !== false).join(', ')
  return text === '' ? 'empty' : text
}

function toJson({ name, running, containers, source }: StackSummary): unknown {
  return {
    name,
    running,
    containers,
    directory: source?.directory ?? null,
    files: source?.files ?? [],
  }
}
