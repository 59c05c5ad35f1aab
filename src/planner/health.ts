/**
 * When to probe a container, and what a probe says about it.
 *
 * Two series of probes run while a container is `starting`. The scheduled one is Docker's to the
 * millisecond: inside `startPeriod` every `startInterval`, without effect when they fail, and then
 * every `interval`, when failures count. Between them come early probes, from the first moment on
 * and with growing pauses, which can only make the container healthy. So a quick service is ready
 * at once, and a slow one is never judged earlier or harder than Docker would.
 * @see moby/moby daemon/health.go, with PR 52317 for the end of the start period
 */

import { HEALTH_EARLY_MS_MIN } from '../limits.ts'
import type { Healthcheck } from './model.ts'

/**
 * Times are milliseconds of the caller's clock, which should not be set back and forth:
 * CLOCK_BOOTTIME.
 */
export interface HealthStatus {
  readonly state: 'starting' | 'healthy' | 'unhealthy'
  /** Start of the attempt. */
  readonly startedAt: number
  /** Failures in a row that count. */
  readonly failures: number
  /** Early probes so far. */
  readonly earlyProbes: number
  /** End of the last probe of any kind. */
  readonly probedAt?: number
  /** End of the probe from which the pause before the next scheduled one runs. */
  readonly scheduledAt?: number
}

export interface NextProbe {
  /** When to begin; in the past means now. */
  readonly at: number
  /** False for an early one. */
  readonly scheduled: boolean
  /** Kill it after this time. An early probe that hangs may not delay a scheduled one. */
  readonly timeoutMs: number
}

export interface ProbeResult {
  /** As `nextProbe` said of it. */
  readonly scheduled: boolean
  readonly beganAt: number
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
  if (status.state !== 'starting' || early >= due) return { at: due, scheduled: true, timeoutMs }
  return { at: early, scheduled: false, timeoutMs: Math.min(timeoutMs, due - early) }
}

/**
 * The status after a probe. One success is health, at once; `retries` failures in a row that count
 * are the end of it.
 */
export function applyProbe(
  check: Healthcheck,
  status: HealthStatus,
  probe: ProbeResult,
): HealthStatus {
  const probed = { ...status, probedAt: probe.endedAt }
  if (probe.passed) return { ...probed, state: 'healthy', failures: 0, scheduledAt: probe.endedAt }
  if (!probe.scheduled) return { ...probed, earlyProbes: status.earlyProbes + 1 }
  const failures = counts(check, status, probe.beganAt) ? status.failures + 1 : 0
  const isOver = failures >= Math.max(1, check.retries)
  return {
    ...probed,
    state: isOver ? 'unhealthy' : status.state,
    failures,
    scheduledAt: probe.endedAt,
  }
}

/** While it is starting, failures inside the start period are to be expected. */
function counts(
  { startPeriodMs }: Healthcheck,
  { state, startedAt }: HealthStatus,
  beganAt: number,
): boolean {
  return state !== 'starting' || beganAt >= startedAt + startPeriodMs
}

/**
 * When the next scheduled probe begins: the last one inside the start period is at its very end.
 */
function dueAt(check: Healthcheck, { state, startedAt, scheduledAt }: HealthStatus): number {
  const last = scheduledAt ?? startedAt
  const leftMs = startedAt + check.startPeriodMs - last
  if (state !== 'starting' || leftMs <= 0) return last + check.intervalMs
  return last + Math.min(check.startIntervalMs, leftMs)
}

/** At once, then with pauses that double up to `startInterval`, but never rarer than `interval`. */
function earlyAt(check: Healthcheck, { startedAt, earlyProbes, probedAt }: HealthStatus): number {
  if (earlyProbes === 0) return startedAt
  // 2^30 times the shortest pause is days: more doublings change nothing and would overflow.
  const pauseMs = HEALTH_EARLY_MS_MIN * 2 ** Math.min(earlyProbes - 1, 30)
  return (probedAt ?? startedAt) + Math.min(pauseMs, check.startIntervalMs, check.intervalMs)
}
