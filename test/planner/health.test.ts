import * as fc from '../support/random.ts'
import { describe, expect, test } from 'vitest'
import {
  applyProbe,
  initialHealth,
  nextProbe,
  type Healthcheck,
  type HealthStatus,
} from '../../src/planner/index.ts'

const CHECK: Healthcheck = {
  test: ['true'],
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 5000,
}

interface Run {
  readonly healthyAt: number | undefined
  readonly unhealthyAt: number | undefined
  /** `0`, `25 (early)` … begin of each probe. */
  readonly probes: readonly string[]
}

/**
 * A service that answers from `readyAt` on, each probe taking `probeMs`: a probe passes if it
 * begins then.
 */
function run(
  check: Healthcheck,
  { readyAt, probeMs = 0, untilMs }: { readyAt: number; probeMs?: number; untilMs: number },
): Run {
  let status: HealthStatus = initialHealth(0)
  let now = 0
  const probes: string[] = []
  while (status.state === 'starting') {
    const { at, scheduled, timeoutMs } = nextProbe(check, status)
    const beganAt = Math.max(at, now)
    if (beganAt > untilMs) break
    now = beganAt + Math.min(probeMs, timeoutMs)
    probes.push(scheduled ? String(beganAt) : `${beganAt} (early)`)
    const passed = beganAt >= readyAt && probeMs <= timeoutMs
    status = applyProbe(check, status, { scheduled, beganAt, endedAt: now, passed })
  }
  return {
    healthyAt: status.state === 'healthy' ? now : undefined,
    unhealthyAt: status.state === 'unhealthy' ? now : undefined,
    probes,
  }
}

/** The same service under Docker: only its own series. */
function dockerRun(
  check: Healthcheck,
  { readyAt, probeMs, untilMs }: { readyAt: number; probeMs: number; untilMs: number },
): Pick<Run, 'healthyAt' | 'unhealthyAt'> {
  const never = { healthyAt: undefined, unhealthyAt: undefined }
  let now = 0
  let failures = 0
  for (;;) {
    const left = check.startPeriodMs - now
    now += left > 0 ? Math.min(check.startIntervalMs, left) : check.intervalMs
    if (now > untilMs) return never
    const [beganAt, passed] = [now, now >= readyAt]
    now += probeMs
    if (passed) return { ...never, healthyAt: now }
    if (beganAt >= check.startPeriodMs) failures += 1
    if (failures >= check.retries) return { ...never, unhealthyAt: now }
  }
}

describe('nextProbe()', () => {
  test('nextProbe() probes at once', () => {
    expect(nextProbe(CHECK, initialHealth(7))).toMatchObject({ at: 7, scheduled: false })
  })
  test('nextProbe() probes early with pauses that double up to the start interval', () => {
    const { probes } = run(CHECK, { readyAt: Infinity, untilMs: 20_000 })
    expect(probes.slice(0, 11)).toEqual(
      [0, 25, 75, 175, 375, 775, 1575, 3175, 6375, 11_375, 16_375].map((at) => `${at} (early)`),
    )
  })
  test('nextProbe() schedules one probe an interval without a start period', () => {
    const { probes } = run(CHECK, { readyAt: Infinity, untilMs: 95_000 })
    expect(probes.filter((each) => !each.includes('early'))).toEqual(['30000', '60000', '90000'])
  })
  test('nextProbe() schedules start intervals, the end of the period, then intervals', () => {
    const check = { ...CHECK, startPeriodMs: 12_000 }
    const { probes, unhealthyAt } = run(check, { readyAt: Infinity, untilMs: 80_000 })
    const scheduled = probes.filter((each) => !each.includes('early'))
    expect(scheduled).toEqual(['5000', '10000', '12000', '42000', '72000'])
    expect(unhealthyAt).toBe(72_000)
  })
  test('nextProbe() lets no early probe run into a scheduled one', () => {
    const { probes } = run(CHECK, { readyAt: Infinity, probeMs: 20_000, untilMs: 95_000 })
    expect(probes.slice(0, 3)).toEqual(['0 (early)', '20025 (early)', '30000'])
  })
  test('nextProbe() probes once an interval when healthy', () => {
    const probe = { scheduled: false, beganAt: 1, endedAt: 9, passed: true }
    const healthy = applyProbe(CHECK, initialHealth(0), probe)
    expect(nextProbe(CHECK, healthy)).toEqual({ at: 30_009, scheduled: true, timeoutMs: 30_000 })
  })
})

describe('applyProbe()', () => {
  const failed = { scheduled: true, beganAt: 1, endedAt: 1, passed: false }
  const passed = { ...failed, passed: true }
  const after = (...results: (typeof failed)[]): HealthStatus =>
    results.reduce((status, each) => applyProbe(CHECK, status, each), initialHealth(0))

  test('applyProbe() makes a service healthy at the first success', () => {
    expect(after(passed).state).toBe('healthy')
  })
  test('applyProbe() never makes a service unhealthy by early probes', () => {
    const early = { ...failed, scheduled: false }
    expect(after(early, early, early, early)).toMatchObject({ state: 'starting', failures: 0 })
  })
  test('applyProbe() makes a service unhealthy at the last of its retries in a row', () => {
    expect(after(failed, failed).state).toBe('starting')
    expect(after(failed, failed, failed).state).toBe('unhealthy')
  })
  test('applyProbe() keeps a service healthy through fewer failures than its retries', () => {
    expect(after(passed, failed, failed)).toMatchObject({ state: 'healthy', failures: 2 })
  })
  test('applyProbe() starts the streak over at a success', () => {
    expect(after(failed, failed, passed, failed, failed).state).toBe('healthy')
  })
  test('applyProbe() makes an unhealthy service healthy again', () => {
    expect(after(failed, failed, failed, passed)).toMatchObject({ state: 'healthy', failures: 0 })
  })
})

test('nextProbe() is never later than Docker to see health, nor earlier to see its want', () => {
  const arbitrary = fc.record({
    intervalMs: fc.integer({ min: 100, max: 60_000 }),
    retries: fc.integer({ min: 1, max: 5 }),
    startPeriodMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 120_000 })),
    startIntervalMs: fc.integer({ min: 100, max: 20_000 }),
    readyAt: fc.integer({ min: 0, max: 300_000 }),
    probeMs: fc.integer({ min: 0, max: 5000 }),
  })
  fc.assert(
    fc.property(arbitrary, ({ readyAt, probeMs, ...fields }) => {
      const check = { ...CHECK, ...fields }
      const service = { readyAt, probeMs, untilMs: 1_000_000 }
      const [ours, docker] = [run(check, service), dockerRun(check, service)]
      if (docker.healthyAt !== undefined) {
        expect(ours.healthyAt ?? Infinity).toBeLessThanOrEqual(docker.healthyAt)
      }
      if (ours.unhealthyAt !== undefined) {
        expect(docker.unhealthyAt ?? Infinity).toBeLessThanOrEqual(ours.unhealthyAt)
      }
    }),
  )
})
