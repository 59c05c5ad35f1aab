/** `start`, `stop`, `restart`, `kill`, `pause`, `unpause`, `rm`: containers as they are. */

import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

export async function serveChange(
  supervisor: Supervisor,
  session: ClientSession,
  { verb, input, options }: Extract<Request, { kind: 'change' }>,
): Promise<void> {
  const { engine } = supervisor
  const { connection } = session
  const stack = await resolveStack(engine, input)
  const interrupted = new AbortController()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupted.abort() }
  using _turn = await takeTurn(supervisor, session, stack)
  const { outcomes, observed } = await engine.change(stack, verb, {
    ...options,
    signal: interrupted.signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
  const { aborted } = interrupted.signal
  connection.send({ kind: 'result', outcomes, observed, interrupted: aborted })
}
