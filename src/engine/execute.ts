/**
 * Runs the actions of a plan: each as soon as those before it have succeeded, all of them at once.
 */

import { TsstackError, errorText, isOutOfFiles, moreFilesHint } from '../errors.ts'
import type { Action, Plan } from '../planner/index.ts'
import type { Outcome, OutcomeError } from './types.ts'

export type Phase = 'begun' | 'done' | 'failed' | 'skipped'

export interface Execution {
  /**
   * Does one action; resolves when its effect is there. A start is asked for as soon as nothing but
   * other starts is before it: what can be made ready is, and `turn` resolves when they are done.
   */
  readonly perform: (action: Action, turn?: () => Promise<void>) => Promise<void>
  readonly onPhase: (action: Action, phase: Phase, message?: string) => void
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
}

/**
 * One outcome per action, in the order of the plan. An action whose predecessor failed is skipped;
 * everything else goes on, so that one broken service does not keep the others down.
 */
export async function executePlan(plan: Plan, execution: Execution): Promise<readonly Outcome[]> {
  const running = new Map<string, Promise<Outcome>>()
  const outcomeOf = (action: Action): Promise<Outcome> => {
    const known = running.get(action.id)
    if (known) return known
    const outcome = perform(action, execution, {
      own: () => outcomesOf(action.after.filter((id) => byId.get(id)?.kind !== 'start-container')),
      all: () => outcomesBefore(action),
    })
    running.set(action.id, outcome)
    return outcome
  }
  const byId = new Map(plan.actions.map((action) => [action.id, action]))
  const outcomesOf = (ids: readonly string[]): Promise<readonly Outcome[]> =>
    Promise.all(
      ids
        .map((id) => byId.get(id))
        .filter((one) => one !== undefined)
        .map(outcomeOf),
    )
  const outcomesBefore = async (action: Action): Promise<readonly Outcome[]> => {
    // Dependencies that are not required come first too, but what became of them does not matter.
    const optional = 'afterEnd' in action ? (action.afterEnd ?? []) : []
    const [required] = await Promise.all([outcomesOf(action.after), outcomesOf(optional)])
    return required
  }
  return Promise.all(plan.actions.map(outcomeOf))
}

interface Before {
  /** What came of all that is before it but the starts of others. */
  readonly own: () => Promise<readonly Outcome[]>
  readonly all: () => Promise<readonly Outcome[]>
}

/** Why an action is not done after all. */
class NotDone extends Error {}

async function perform(action: Action, execution: Execution, before: Before): Promise<Outcome> {
  let begun: number | undefined
  const begin = (): void => {
    begun = execution.now()
    execution.onPhase(action, 'begun')
  }
  let isOver = false
  const turn = async (): Promise<void> => {
    mayGoOn(await before.all(), execution)
    if (!isOver) begin()
  }
  try {
    if (action.kind === 'start-container') {
      mayGoOn(await before.own(), execution)
      await execution.perform(action, turn)
    } else {
      await turn()
      await execution.perform(action)
    }
    execution.onPhase(action, 'done')
    return { kind: 'done', action, tookMs: execution.now() - (begun ?? execution.now()) }
  } catch (failure) {
    isOver = true
    if (failure instanceof NotDone) return skip(action, execution, failure.message)
    if (begun === undefined) begin()
    if (isCancelled(failure, execution)) return skip(action, execution, 'cancelled')
    const error = outcomeError(failure)
    execution.onPhase(action, 'failed', error.message)
    return { kind: 'failed', action, error }
  }
}

/** @throws {NotDone} when one of those before was not done, or all is to end. */
function mayGoOn(outcomes: readonly Outcome[], execution: Execution): void {
  const broken = outcomes.find(({ kind }) => kind !== 'done')
  const because = broken ? `${broken.action.id} ${broken.kind}` : abortReason(execution)
  if (because !== undefined) throw new NotDone(because)
}

function skip(action: Action, { onPhase }: Execution, because: string): Outcome {
  onPhase(action, 'skipped', because)
  return { kind: 'skipped', action, because }
}

/** Left off while it still waited, as the user wished: no failure. */
function isCancelled(failure: unknown, { signal }: Execution): boolean {
  return (
    signal?.aborted === true && failure instanceof TsstackError && failure.code === 'INTERRUPTED'
  )
}

function abortReason({ signal }: Execution): string | undefined {
  return signal?.aborted ? 'cancelled' : undefined
}

/** The parts of an error that the user needs; a surprise keeps its text and says that it is one. */
export function outcomeError(failure: unknown): OutcomeError {
  const cure = isOutOfFiles(failure) ? moreFilesHint() : undefined
  if (failure instanceof TsstackError) {
    const { code, message, hint = cure } = failure
    return { code, message, ...(hint === undefined ? {} : { hint }) }
  }
  const message = errorText(failure)
  const hint = cure ?? 'this is a mistake in tsstack: please report it'
  return { code: 'ACTION_FAILED', message, hint }
}
