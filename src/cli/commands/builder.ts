/** `tsstack builder prune`: what builds have kept. */

import { pruneBuilds } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { print } from '../output.ts'
import { parseTime } from '../time-option.ts'
import { trafficText } from '../size-text.ts'

export const builderCommand: CommandModule = {
  define: (command, run) => {
    command
      .command('prune')
      .description('remove layers of steps that no image has')
      .option('-a, --all', 'also what was fetched, and what RUN --mount=type=cache has filled')
      .option('--filter <until=duration>', 'only what was used last so long ago: until=24h')
      .option('-f, --force', 'accepted as in Docker: nothing is asked')
      .action((flags: PruneFlags) => run((context) => prune(context, flags)))
  },
}

interface PruneFlags {
  readonly all?: boolean
  readonly filter?: string
}

async function prune({ places }: Context, { all = false, filter }: PruneFlags): Promise<number> {
  // A step that was used just now is older than that.
  const before = filter === undefined ? Date.now() + 1 : momentOf(filter)
  const { steps, bytes } = await pruneBuilds({ state: places.state, before, all })
  print(`${steps} steps forgotten, ${trafficText(bytes)} freed`)
  return 0
}

/** `until=24h`, or a date. */
function momentOf(text: string): number {
  if (text.startsWith('until=')) return parseTime(text.slice('until='.length))
  throw new UsageError(`Cannot use the filter "${text}"`, { hint: 'write until=24h' })
}
