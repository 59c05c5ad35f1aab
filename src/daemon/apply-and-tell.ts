/** Makes a stack as desired when it is its turn, and tells the client of every step. */

import type { ApplyResult } from '../engine/index.ts'
import { describeShort, type DesiredState, type Plan, type PlanOptions } from '../planner/index.ts'
import { checkAgreed, checkSteps } from './agreed-plan.ts'
import { checkFirst } from './check-first.ts'
import { obtainImages } from './images/stack-images.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

interface ApplyRequest {
  readonly desired: DesiredState
  readonly options: PlanOptions
  /** Policy for images, before that of the stack file. */
  readonly pull?: string | undefined
  readonly signal: AbortSignal
  /** Any other plan is refused, with nothing changed. */
  readonly expected?: Plan | undefined
  /** What of `options` the user agrees to; nothing is done before it resolves. */
  readonly agree?: (desired: DesiredState) => Promise<PlanOptions>
  /** Waited for before the result is told, when every action was done. */
  readonly ready?: (signal: AbortSignal) => Promise<void>
}

/** True when every action was done. What `ready` rejects with is told after the result. */
export async function applyAndTell(
  supervisor: Supervisor,
  session: ClientSession,
  { desired: wanted, options, pull, signal, ready, expected, agree }: ApplyRequest,
): Promise<boolean> {
  const { connection } = session
  const desired = await obtainImages(supervisor, wanted, {
    services: options.services ?? [],
    pull,
    env: session.env ?? {},
    signal: AbortSignal.any([signal, session.signal]),
    check: () => checkFirst(supervisor, session, { desired: wanted, options }),
    onEvent: (event) => connection.send({ kind: 'image', event }),
  })
  const { engine } = supervisor
  const { outcomes } = await applyInTurn(supervisor, session, {
    bare: wanted,
    desired,
    options,
    signal,
    expected,
    ...(agree && { agree }),
  })
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
  request: ApplyRequest & { readonly bare: DesiredState },
): Promise<ApplyResult> {
  const { bare, desired, options, signal, expected, agree } = request
  const { engine } = supervisor
  const { connection } = session
  using _turn = await takeTurn(supervisor, session, desired.stack)
  const color = session.color === true
  const agreed = (await agree?.(desired)) ?? options
  if (expected !== undefined) {
    await checkAgreed(engine, { expected, bare, desired, options: agreed })
  }
  return await engine.apply(desired.stack, desired, {
    ...agreed,
    signal,
    onPlan: (plan) => {
      if (expected !== undefined) checkSteps(expected, plan)
      const short = describeShort(plan, { color })
      connection.send({ kind: 'plan', plan, ...(short !== '' && { short }) })
    },
    onEvent: (event) => connection.sendSoon({ kind: 'event', event }),
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
