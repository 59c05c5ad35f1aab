/**
 * Probes containers that have a healthcheck, at the times and with the judgement of
 * planner/health.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, isOutOfFiles } from '../errors.ts'
import { uptimeAtStart } from '../linux/index.ts'
import {
  applyProbe,
  type Healthcheck,
  type HealthStatus,
  initialHealth,
  type NextProbe,
  nextProbe,
} from '../planner/index.ts'
import { announce } from './attempts.ts'
import { execInContainer } from './container/exec.ts'
import { publishNames } from './container/network.ts'
import { isNoRoom } from './descriptors.ts'
import type { LiveAttempt, LiveContainer, Machine } from './machine.ts'
import { type AttemptRecord, writeAttemptRecord } from './records/container.ts'
import type { ExecSession } from './types.ts'

/** Bytes of a probe's output that are kept, as Docker does. */
const OUTPUT_BYTES_MAX = 4096
/** As Docker keeps. */
const PROBES_KEPT_MAX = 5

/**
 * Probes the running attempt until it ends. Returns at once; a container without a check is left
 * alone.
 */
export function followHealth(
  machine: Machine,
  container: LiveContainer,
  onUnhealthy: () => void,
): void {
  const { attempt } = container
  const check = container.record.spec.healthcheck
  if (!attempt || !check) return
  attempt.health = healthAtFirst(machine, attempt, check)
  publishNames(machine, container.record, attempt.record.interfaces)
  if (attempt.health.state === 'healthy') attempt.wasHealthy = true
  if (attempt.health.state === 'unhealthy') onUnhealthy()
  const over = new AbortController()
  const stop = (): void => over.abort()
  schedule(machine, { container, attempt, check, onUnhealthy, over: over.signal })
  attempt.ended.then(stop, stop)
  attempt.leave.push(stop)
}

/** As it was when an earlier supervisor last looked; the start period runs from the real start. */
function healthAtFirst(
  machine: Machine,
  { record }: LiveAttempt,
  { retries }: Healthcheck,
): HealthStatus {
  const fresh = initialHealth(now() - ageMs(machine, record))
  if (record.health !== 'healthy' && record.health !== 'unhealthy') return fresh
  return { ...fresh, state: record.health, failures: record.health === 'healthy' ? 0 : retries }
}

/** By the clock that nobody sets; never more than the truth, as the start is known to 10 ms. */
function ageMs(machine: Machine, { monitor }: AttemptRecord): number {
  if (monitor === undefined) return 0
  return Math.max(0, machine.uptime() - uptimeAtStart(monitor.startTime + 1))
}

/** What cannot be written down is found out again by the next supervisor. */
function keep(container: LiveContainer, attempt: LiveAttempt): void {
  const { health } = attempt
  if (!health) return
  attempt.record = { ...attempt.record, health: health.state }
  try {
    writeAttemptRecord(container.own, attempt.record)
  } catch {
    // A full disk; the state is in memory.
  }
}

interface Probed {
  readonly container: LiveContainer
  readonly attempt: LiveAttempt
  readonly check: Healthcheck
  readonly onUnhealthy: () => void
  /** Aborted when it has ended, or is followed by another engine. */
  readonly over: AbortSignal
}

/** One probe after the other, each at its time. */
function schedule(machine: Machine, probed: Probed): void {
  const { attempt, check, over } = probed
  let timer: NodeJS.Timeout | undefined
  const plan = (): void => {
    if (over.aborted || !attempt.health || attempt.exit) return
    const next = nextProbe(check, attempt.health)
    timer = setTimeout(
      () => {
        void probe(machine, probed, next).then(plan)
      },
      Math.min(TIMER_MS_MAX, Math.max(0, next.at - now())),
    )
  }
  plan()
  over.addEventListener('abort', () => clearTimeout(timer), { once: true })
}

/** Longer ones, which images may ask for, would be none at all: 24.8 days. @see node, setTimeout */
const TIMER_MS_MAX = 2 ** 31 - 1

async function probe(machine: Machine, probed: Probed, next: NextProbe): Promise<void> {
  const { attempt, check, container, over } = probed
  const beganAt = now()
  // Docker does not probe what is paused either.
  if (attempt.paused) return Promise.race([attempt.paused.promise, attempt.ended])
  const found = await runProbe(machine, probed, next.timeoutMs)
  if (found === undefined) return later(probed)
  const { passed, output } = found
  // A probe that was frozen with the rest says nothing.
  if (over.aborted || !attempt.health || attempt.exit || attempt.paused) return
  const before = attempt.health.state
  const result = { scheduled: next.scheduled, beganAt, endedAt: now(), passed }
  attempt.health = applyProbe(check, attempt.health, result)
  const latest = { at: Date.now(), passed, output }
  attempt.probes = [...(attempt.probes ?? []), latest].slice(-PROBES_KEPT_MAX)
  const { state } = attempt.health
  if (state === before) return
  // Those that are ready are named first.
  publishNames(machine, container.record, attempt.record.interfaces)
  if (state === 'starting') return
  keep(container, attempt)
  announce(machine, container.record, state)
  if (state === 'healthy') attempt.wasHealthy = true
  if (state === 'unhealthy') probed.onUnhealthy()
}

/** When there may be descriptors again; before that if the attempt ends. */
function later({ attempt, check }: Probed): Promise<void> {
  const pause = sleep(Math.min(TIMER_MS_MAX, check.intervalMs), undefined, { ref: false })
  return Promise.race([pause, attempt.ended])
}

/**
 * The check's program as an exec in the container; what cannot even be started has failed.
 * Undefined when it is we who have no descriptors for it: that says nothing of the container.
 */
async function runProbe(
  machine: Machine,
  { container, check }: Probed,
  timeoutMs: number,
): Promise<{ readonly passed: boolean; readonly output: string } | undefined> {
  try {
    const session = await execInContainer(machine, container, { command: check.test, tty: false })
    const output = collect(session)
    const kill = (): void => session.signal('SIGKILL')
    const timer = setTimeout(kill, Math.min(TIMER_MS_MAX, timeoutMs))
    const { exitCode } = await session.exited
    clearTimeout(timer)
    return { passed: exitCode === 0, output: output() }
  } catch (error) {
    if (isOutOfFiles(error) || isNoRoom(error)) return undefined
    return { passed: false, output: errorText(error) }
  }
}

function collect(session: ExecSession): () => string {
  const chunks: Buffer[] = []
  let size = 0
  const keep = (chunk: Buffer): void => {
    if (size >= OUTPUT_BYTES_MAX) return
    chunks.push(chunk.subarray(0, OUTPUT_BYTES_MAX - size))
    size += chunk.length
  }
  session.stdin.end()
  session.stdout.on('data', keep)
  session.stderr?.on('data', keep)
  return () => Buffer.concat(chunks).toString('utf8')
}

/** Milliseconds of a clock that is never set. */
function now(): number {
  return performance.now()
}
