/** Makes a stack as desired when it is its turn, and tells the client of every step. */

import type { DesiredState, PlanOptions } from '../planner/index.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

/** True when every action was done. */
export async function applyAndTell(
  supervisor: Supervisor,
  session: ClientSession,
  request: {
    readonly desired: DesiredState
    readonly options: PlanOptions
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { connection } = session
  const { desired, options, signal } = request
  using _turn = await takeTurn(supervisor, session, desired.stack)
  const { engine } = supervisor
  const { outcomes, observed } = await engine.apply(desired.stack, desired, {
    ...options,
    signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
  connection.send({ kind: 'result', outcomes, observed, interrupted: signal.aborted })
  return outcomes.every(({ kind }) => kind === 'done')
}
