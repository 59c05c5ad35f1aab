/**
 * When to probe a container, and what a probe says about it.
 *
 * Two series of probes run side by side while a container is `starting`. Docker's own, whose failures
 * count: the first after `interval`, or at the end of `startPeriod`, then one `interval` after the
 * end of the one before. And early ones, from the first moment on and with growing pauses, which can
 * only make the container healthy. So a quick service is ready at once, and a slow one is never
 * judged earlier or harder than Docker would.
 * @see moby/moby daemon/health.go, with PR 52317 for the end of the start period
 */

import { HEALTH_EARLY_MS_MIN } from '../limits.ts'
import type { Healthcheck } from './model.ts'

export interface HealthStatus {
  readonly state: 'starting' | 'healthy' | 'unhealthy'
  /** Start of the attempt, in milliseconds of the caller's clock. */
  readonly startedAt: number
  /** Failures in a row that count. */
  readonly failures: number
  /** Early probes so far. */
  readonly earlyProbes: number
  /** End of the last probe of any kind. */
  readonly probedAt?: number
  /** End of the last probe from which the next `interval` runs. */
  readonly countedAt?: number
}

export interface NextProbe {
  /** On the clock of `startedAt`; in the past means now. */
  readonly at: number
  /** Whether its failure counts. */
  readonly counts: boolean
  /** Kill it after this time. An early probe that hangs may not delay the one that counts. */
  readonly timeoutMs: number
}

export interface ProbeResult {
  /** As `nextProbe` said of it. */
  readonly counts: boolean
  readonly endedAt: number
  /** Exit status 0 within the time allowed. */
  readonly passed: boolean
}

/** A container that has just started. */
export function initialHealth(startedAt: number): HealthStatus {
  return { state: 'starting', startedAt, failures: 0, earlyProbes: 0 }
}

/** The next probe to run once the last one has ended. */
export function nextProbe(check: Healthcheck, status: HealthStatus): NextProbe {
  const { timeoutMs } = check
  const due = dueAt(check, status)
  const early = earlyAt(check, status)
  if (status.state !== 'starting' || early >= due) return { at: due, counts: true, timeoutMs }
  return { at: early, counts: false, timeoutMs: Math.min(timeoutMs, due - early) }
}

/** The status after a probe: one success is health at once; `retries` counted failures in a row are the end of it. */
export function applyProbe(
  check: Healthcheck,
  status: HealthStatus,
  { counts, endedAt, passed }: ProbeResult,
): HealthStatus {
  const probed = { ...status, probedAt: endedAt }
  if (passed) return { ...probed, state: 'healthy', failures: 0, countedAt: endedAt }
  if (!counts) return { ...probed, earlyProbes: status.earlyProbes + 1 }
  const failures = status.failures + 1
  const state = failures >= Math.max(1, check.retries) ? 'unhealthy' : status.state
  return { ...probed, state, failures, countedAt: endedAt }
}

/** When Docker's series is due. */
function dueAt(check: Healthcheck, { startedAt, countedAt }: HealthStatus): number {
  if (countedAt !== undefined) return countedAt + check.intervalMs
  return startedAt + (check.startPeriodMs > 0 ? check.startPeriodMs : check.intervalMs)
}

/** At once, then with pauses that double up to `startInterval`, but never rarer than `interval`. */
function earlyAt(check: Healthcheck, { startedAt, earlyProbes, probedAt }: HealthStatus): number {
  if (earlyProbes === 0 || probedAt === undefined) return startedAt
  // 2^30 times the shortest pause is days: more doublings change nothing and would overflow.
  const pauseMs = HEALTH_EARLY_MS_MIN * 2 ** Math.min(earlyProbes - 1, 30)
  return probedAt + Math.min(pauseMs, check.startIntervalMs, check.intervalMs)
}
