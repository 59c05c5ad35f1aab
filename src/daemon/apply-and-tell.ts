/** Makes a stack as desired when it is its turn, and tells the client of every step. */

import type { ApplyResult } from '../engine/index.ts'
import type { DesiredState, PlanOptions } from '../planner/index.ts'
import { obtainImages } from './images/stack-images.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

interface ApplyRequest {
  readonly desired: DesiredState
  readonly options: PlanOptions
  /** Policy for images, before that of the stack file. */
  readonly pull?: string | undefined
  readonly signal: AbortSignal
  /** Waited for before the result is told, when every action was done. */
  readonly ready?: (signal: AbortSignal) => Promise<void>
}

/** True when every action was done. What `ready` rejects with is told after the result. */
export async function applyAndTell(
  supervisor: Supervisor,
  session: ClientSession,
  { desired: wanted, options, pull, signal, ready }: ApplyRequest,
): Promise<boolean> {
  const { connection } = session
  const desired = await obtainImages(supervisor, wanted, {
    services: options.services ?? [],
    pull,
    env: session.env ?? {},
    signal: AbortSignal.any([signal, session.signal]),
    onEvent: (event) => connection.send({ kind: 'image', event }),
  })
  const { engine } = supervisor
  const { outcomes } = await applyInTurn(supervisor, session, { desired, options, signal })
  const done = outcomes.every(({ kind }) => kind === 'done')
  // Others may change the stack meanwhile: waiting is no change.
  const unready =
    done && ready ? await failureOf(ready(AbortSignal.any([signal, session.signal]))) : undefined
  const observed = await engine.observe(desired.stack)
  connection.send({ kind: 'result', outcomes, observed, interrupted: signal.aborted })
  if (unready !== undefined && !signal.aborted) throw unready
  return done
}

async function applyInTurn(
  supervisor: Supervisor,
  session: ClientSession,
  { desired, options, signal }: ApplyRequest,
): Promise<ApplyResult> {
  const { connection } = session
  using _turn = await takeTurn(supervisor, session, desired.stack)
  return await supervisor.engine.apply(desired.stack, desired, {
    ...options,
    signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
}

async function failureOf(work: Promise<void>): Promise<Error | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
