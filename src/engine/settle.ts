/** Waits until replicas that have just been updated have proved themselves. */

import { EngineError } from '../errors.ts'
import { type Action, judgeReady } from '../planner/index.ts'
import type { Machine } from './machine.ts'
import { observeContainer } from './observe.ts'
import { onAbort } from './on-abort.ts'
import { warn } from './warn.ts'

type Settle = Extract<Action, { kind: 'settle-update' }>

interface Settling {
  readonly stack: string
  readonly action: Settle
  readonly signal: AbortSignal | undefined
}

/**
 * Resolves when every container of the batch runs, is healthy where it has a check, and has stayed
 * so for the time of the rule; and the pause before the next batch is over. Throws when more have
 * failed by now than the rule puts up with, unless that says to go on.
 */
export async function settleUpdate(machine: Machine, settling: Settling): Promise<void> {
  const { action } = settling
  const { rule, batch, batches } = action
  const attempts = new Map(
    action.containers.map((name) => [name, machine.containers.get(name)?.record.attempts]),
  )
  const judge = (): Judged => judgeAll(machine, action, attempts)
  await untilChange(machine, settling, () => judge().waiting === 0)
  if (judge().failed.length === 0) {
    await untilChange(machine, settling, () => judge().failed.length > 0, rule.monitorMs)
  }
  const { failed } = judge()
  if (failed.length / action.total > rule.maxFailureRatio) giveUp(machine, settling, failed)
  if (batch < batches) await untilChange(machine, settling, () => false, rule.delayMs)
}

interface Judged {
  readonly waiting: number
  /** Why, one for each. */
  readonly failed: readonly string[]
}

function judgeAll(
  machine: Machine,
  { containers, earlier }: Settle,
  attempts: ReadonlyMap<string, number | undefined>,
): Judged {
  const judged = [...earlier, ...containers].map((name) => {
    const container = machine.containers.get(name)
    if (!container) return { kind: 'failed' as const, reason: `"${name}" was not made` }
    const before = attempts.get(name) ?? container.record.attempts
    const readiness = judgeReady(observeContainer(container))
    const isAgain = container.record.attempts !== before || container.restart !== undefined
    return isAgain
      ? { kind: 'failed' as const, reason: `"${name}" ended, and was restarted` }
      : readiness
  })
  return {
    waiting: judged.filter(({ kind }) => kind === 'waiting').length,
    failed: judged.flatMap((one) => (one.kind === 'failed' ? [one.reason] : [])),
  }
}

/** Resolves when it is so, at the latest after `ms`; looks at every event of the stack. */
async function untilChange(
  machine: Machine,
  { stack, signal }: Settling,
  isSo: () => boolean,
  ms?: number,
): Promise<void> {
  if (isSo() || ms === 0) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const unsubscribe = machine.subscribe((event) => {
    if (event.stack === stack && isSo()) resolve()
  })
  const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
  using _ending = signal && onAbort(signal, resolve)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    unsubscribe()
  }
}

function giveUp(machine: Machine, { stack, action }: Settling, failed: readonly string[]): void {
  const { service, rule, batch, batches } = action
  const why = failed.join(', ')
  if (rule.failureAction === 'continue') {
    const message = `Updating "${service}" goes on, although ${why}`
    warn(machine, stack, message)
    return
  }
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot go on with updating "${service}" after batch ${batch} of ${batches}: ${why}`,
    { hint: `see "tsstack logs ${service}"; mend it, and run "tsstack up" again` },
  )
}
