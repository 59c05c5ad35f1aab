/** What every command does that changes a stack and can be interrupted. */

import type { ApplyOptions, ApplyResult } from '../engine/index.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

/**
 * Does `work` once it is this session's turn, and sends its plan, its events and its result. An
 * interrupt of the user's aborts it.
 */
export async function changeStackInTurn(
  supervisor: Supervisor,
  session: ClientSession,
  stack: string,
  work: (options: ApplyOptions) => Promise<ApplyResult>,
): Promise<void> {
  const { connection } = session
  const interrupted = new AbortController()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupted.abort() }
  using _turn = await takeTurn(supervisor, session, stack)
  const { outcomes, observed } = await work({
    signal: interrupted.signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.sendSoon({ kind: 'event', event }),
  })
  const { aborted } = interrupted.signal
  connection.send({ kind: 'result', outcomes, observed, interrupted: aborted })
}
