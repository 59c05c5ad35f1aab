/** Asks the client whether data may be lost, before anything is done. */

import { type Engine, onAbort } from '../engine/index.ts'
import type { DesiredState, PlanOptions } from '../planner/index.ts'
import type { LossWish } from './protocol.ts'
import type { ClientSession } from './supervisor.ts'

/** Yes and no of the client, as its session hears them. */
export class Answers {
  #waiting: ((yes: boolean) => void) | undefined

  hear(yes: boolean): void {
    this.#waiting?.(yes)
    this.#waiting = undefined
  }

  /** Rejects when `signal` is aborted. */
  async next(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    this.#waiting = resolve
    using _leaving = onAbort(signal, () => reject(signal.reason))
    return await promise
  }
}

/**
 * `options` as far as the user agrees to lose data: volumes whose definition changed are made anew,
 * and anonymous ones renewed, or both are kept. Without anybody to ask, what the command itself
 * says is done, and nothing else.
 */
export async function agreeOnLosses(
  engine: Engine,
  session: ClientSession,
  asked: {
    readonly desired: DesiredState
    readonly options: PlanOptions
    readonly losses: LossWish | undefined
    readonly answers: Answers
    readonly signal: AbortSignal
  },
): Promise<PlanOptions> {
  const { desired, options, losses, answers, signal } = asked
  if (losses === undefined) return options
  const losing = { ...options, recreateVolumes: true }
  if (losses === 'accept') return losing
  const { dataLost } = await engine.impact(await engine.plan(desired.stack, desired, losing))
  if (dataLost.length === 0) return options
  const { connection, signal: gone } = session
  connection.send({ kind: 'confirm', dataLost })
  const yes = await answers.next(AbortSignal.any([gone, signal]))
  return yes ? losing : { ...options, renewAnonymousVolumes: false }
}
