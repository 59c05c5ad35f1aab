/** Whether an exited program is started again, and when: the rules of Docker's restart manager. */

import { RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_MIN, RESTART_STABLE_MS } from '../limits.ts'
import type { RestartPolicy } from './model.ts'

/** What the supervisor remembers from one exit to the next; `FIRST_RUN` before any. */
export interface RestartMemory {
  /** Delay before the last restart, in milliseconds; 0: there was none, or it has been reset. */
  readonly delayMs: number
  /** Restarts by policy so far. */
  readonly restarts: number
}

export const FIRST_RUN: RestartMemory = { delayMs: 0, restarts: 0 }

export interface Exit {
  readonly policy: RestartPolicy
  readonly memory: RestartMemory
  /** How long the run lasted, in milliseconds. */
  readonly ranMs: number
  /** Its own status, or 128 + signal. */
  readonly exitCode: number
  /** Stopped by `stop` or `down`. */
  readonly stoppedByUser: boolean
}

export type RestartDecision =
  | { readonly kind: 'restart'; readonly memory: RestartMemory }
  | { readonly kind: 'stay'; readonly reason: string }

/**
 * What follows an exit. `restart`: after `memory.delayMs`; hand `memory` back at the next exit.
 * Health plays no part, and a stop by hand ends every policy.
 * @see moby/moby daemon/internal/restartmanager
 */
export function decideRestart(exit: Exit): RestartDecision {
  const { policy, stoppedByUser, exitCode } = exit
  if (stoppedByUser) return { kind: 'stay', reason: 'stopped by hand' }
  if (policy.condition === 'no') return { kind: 'stay', reason: 'restart is "no"' }
  if (policy.condition === 'on-failure' && exitCode === 0) {
    return { kind: 'stay', reason: 'completed' }
  }
  const restarts = restartsSoFar(exit)
  const { attemptsMax } = policy
  if (attemptsMax !== undefined && restarts >= attemptsMax) {
    return { kind: 'stay', reason: `gave up after ${restarts} restarts` }
  }
  return { kind: 'restart', memory: { delayMs: restartDelayMs(exit), restarts: restarts + 1 } }
}

/**
 * Delay before the next restart, in milliseconds. It doubles from 100 ms to at most 60 000 ms, and
 * starts over after a run of 10 s. A `delay` of `deploy.restart_policy` is taken as it is, but for
 * 100 ms at least, as a program that exits at once would otherwise take the whole machine.
 */
function restartDelayMs({
  policy,
  memory,
  ranMs,
}: Pick<Exit, 'policy' | 'memory' | 'ranMs'>): number {
  if (policy.delayMs !== undefined) return Math.max(policy.delayMs, RESTART_DELAY_MS_MIN)
  const previous = ranMs >= RESTART_STABLE_MS ? 0 : memory.delayMs
  if (previous === 0) return RESTART_DELAY_MS_MIN
  return Math.min(previous * 2, RESTART_DELAY_MS_MAX)
}

/**
 * Restarts that count against `attemptsMax`. Docker never forgets one. With a `window`, a run that
 * outlived it was a success, and counting starts over.
 */
function restartsSoFar({ policy, memory, ranMs }: Exit): number {
  const succeeded = policy.windowMs !== undefined && ranMs >= policy.windowMs
  return succeeded ? 0 : memory.restarts
}
