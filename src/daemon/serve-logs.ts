/** `logs`: what containers wrote, and with `follow` what they write. */

import { LogFeed, logSourceOf } from './log-feed.ts'
import type { ObservedContainer } from '../planner/index.ts'
import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectContainers } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { watchStack } from './watch-stack.ts'

export async function serveLogs(
  { engine }: Supervisor,
  session: ClientSession,
  { input, logs }: Extract<Request, { kind: 'logs' }>,
): Promise<void> {
  const stack = await resolveStack(engine, input)
  const { services, index, follow, resume, ...range } = logs
  const isMeant = (each: ObservedContainer): boolean =>
    index === undefined || (each.index === index && each.oneOff === undefined)
  const chosen = selectContainers(engine, engine.observeContainers(stack), services).filter(isMeant)
  const feed = new LogFeed(engine, session, resume)
  if (!follow) {
    await feed.sendExisting(chosen.map(logSourceOf), range)
    return
  }
  feed.followAll(chosen.map(logSourceOf), range)
  await watchStack(engine, {
    stack,
    signal: session.signal,
    onStarted: (container) => {
      const wanted = services.length === 0 || services.includes(container.service)
      if (wanted && isMeant(container))
        feed.follow(logSourceOf(container), { since: container.startedAt ?? 0 })
    },
  })
  await feed.settled()
}
