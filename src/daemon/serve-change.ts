/** `start`, `stop`, `restart`, `kill`, `pause`, `unpause`, `rm`: containers as they are. */

import { changeStackInTurn } from './change-in-turn.ts'
import { Interrupts } from './interrupts.ts'
import type { Request, WaitRequest } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { namesOf, untilReady } from './until-ready.ts'

export async function serveChange(
  supervisor: Supervisor,
  session: ClientSession,
  { verb, input, options, wait }: Extract<Request, { kind: 'change' }>,
): Promise<void> {
  const { engine } = supervisor
  const stack = await resolveStack(engine, input)
  let isDone = false
  await changeStackInTurn(supervisor, session, stack, async (how) => {
    const result = await engine.change(stack, verb, { ...options, ...how })
    isDone = result.outcomes.every(({ kind }) => kind === 'done')
    return result
  })
  if (wait === undefined || !isDone) return
  await waitUntilReady(supervisor, session, { stack, services: options.services, wait })
}

/** Others may change the stack meanwhile: waiting is no change. An interrupt ends it. */
async function waitUntilReady(
  { engine }: Supervisor,
  session: ClientSession,
  what: {
    readonly stack: string
    readonly services: readonly string[] | undefined
    readonly wait: WaitRequest
  },
): Promise<void> {
  const { stack, services, wait } = what
  const interrupts = new Interrupts()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupts.next() }
  const own = engine.observeContainers(stack).containers.filter(({ oneOff }) => !oneOff)
  const signal = AbortSignal.any([session.signal, interrupts.first])
  await untilReady(engine, { stack, names: namesOf(own, services), wait, signal })
  if (!interrupts.first.aborted) return
  const observed = await engine.observe(stack)
  session.connection.send({ kind: 'result', outcomes: [], observed, interrupted: true })
}
