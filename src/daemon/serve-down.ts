/** `down`: the stack is to be gone. Works from records: it needs no stack file. */

import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

export async function serveDown(
  supervisor: Supervisor,
  session: ClientSession,
  { input, options }: Extract<Request, { kind: 'down' }>,
): Promise<void> {
  const { engine } = supervisor
  const { connection } = session
  const stack = await resolveStack(engine, input)
  const interrupted = new AbortController()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupted.abort() }
  using _turn = await takeTurn(supervisor, session, stack)
  const { outcomes, observed } = await engine.apply(stack, undefined, {
    ...options,
    signal: interrupted.signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
  const { aborted } = interrupted.signal
  connection.send({ kind: 'result', outcomes, observed, interrupted: aborted })
}
