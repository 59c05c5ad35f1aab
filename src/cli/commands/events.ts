/** `tsstack events`: what happens to the containers of a stack. */

import type { EngineEvent } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { eventJson, eventText } from '../event-text.ts'
import { onInterrupt } from '../interrupt.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { print } from '../output.ts'
import { ask } from '../request.ts'
import { parseTime } from '../time-option.ts'

export const eventsCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('--since <time>', 'what is remembered from then on: 10m, 2026-11-21T14:00', parseTime)
      .option('--until <time>', 'end then', parseTime)
      .addOption(jsonOption())
      .action((services: readonly string[], flags: EventsFlags) =>
        run((context) => events(context, services, flags)),
      )
  },
}

interface EventsFlags {
  readonly since?: number
  readonly until?: number
  readonly json?: boolean
}

async function events(
  { asking, input }: Context,
  services: readonly string[],
  { since, until, json = false }: EventsFlags,
): Promise<number> {
  // Whoever has seen enough has not been interrupted in anything.
  using _handler = onInterrupt(() => process.exit(0))
  const request = {
    kind: 'events',
    input: input(),
    services,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  } as const
  for await (const answer of ask(asking, request)) {
    if (answer.kind === 'message' && answer.message.kind === 'event')
      show(answer.message.event, json)
  }
  return 0
}

function show(event: EngineEvent, json: boolean): void {
  const text = json ? JSON.stringify(eventJson(event)) : eventText(event)
  if (text !== undefined && text !== 'null') print(text)
}
