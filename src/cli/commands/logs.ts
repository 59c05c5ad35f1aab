/** `tsstack logs`: what the containers of a stack wrote, and with -f what they write. */

import type { LogRequest } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { LogPrinter } from '../log-printer.ts'
import { addStackOptions, parseCount } from '../options.ts'
import { hasColor, isTerminal } from '../output.ts'
import { ask } from '../request.ts'
import { parseTime } from '../time-option.ts'

export const logsCommand: CommandModule = {
  define: (command, run) => {
    // -f means follow here, as in Compose.
    addStackOptions(command, { shortFile: false })
      .argument('[services...]')
      .option('--index <number>', 'of this replica of each service alone', parseCount)
      .option('-f, --follow', 'and what they write')
      .option('-n, --tail <lines>', 'only so many of the last lines of each, or all', parseTail)
      .option(
        '--since <time>',
        'from then on: 10m, 2026-11-21T14:00, seconds since 1970',
        parseTime,
      )
      .option('--until <time>', 'up to then', parseTime)
      .option('-t, --timestamps', 'print when each line was written')
      .option('--no-log-prefix', 'do not print the service before each line')
      .option('--no-color', 'no colours')
      .action((services: readonly string[], flags: LogsFlags) =>
        run((context) => logs(context, services, flags)),
      )
  },
}

interface LogsFlags {
  readonly index?: number
  readonly follow?: boolean
  readonly tail?: number | 'all'
  readonly since?: number
  readonly until?: number
  readonly timestamps?: boolean
  readonly logPrefix: boolean
  readonly color: boolean
}

async function logs(
  { asking, input }: Context,
  services: readonly string[],
  flags: LogsFlags,
): Promise<number> {
  const request: LogRequest = {
    services,
    follow: flags.follow === true,
    ...(flags.index !== undefined && { index: flags.index }),
    ...(typeof flags.tail === 'number' && { tail: flags.tail }),
    ...(flags.since !== undefined && { since: flags.since }),
    ...(flags.until !== undefined && { until: flags.until }),
  }
  const printer = new LogPrinter({
    isTerminal: isTerminal(1),
    color: flags.color && hasColor(1),
    prefix: flags.logPrefix,
    timestamps: flags.timestamps === true,
  })
  for await (const answer of ask(asking, { kind: 'logs', input: input(), logs: request })) {
    if (answer.kind === 'logs') await printer.print(answer.bytes)
    else if (answer.kind === 'message' && answer.message.kind === 'log-sources') {
      printer.name(answer.message.containers)
    }
  }
  await printer.finish()
  return 0
}

/** Fewer than none are all, as in Docker. */
function parseTail(value: string): number | 'all' {
  return value === 'all' || /^-\d+$/.test(value) ? 'all' : parseCount(value)
}
