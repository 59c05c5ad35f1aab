/**
 * Somebody sets the clock an hour back and forth: back-off and probes take as long as ever. The
 * loop is the real one, over the simulation's kernel; in a machine whose clock is really set it is
 * clock.kernel.test.ts that looks.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { applyDesired } from '../../src/engine/apply.ts'
import type { Machine } from '../../src/engine/machine.ts'
import { observeContainer } from '../../src/engine/observe.ts'
import { clearPending, FakeKernel, loseTimers } from './simulation/kernel.ts'
import { openMachine } from './simulation/machine.ts'
import { Random } from './simulation/random.ts'
import { crashing } from './simulation/stack.ts'

const HOUR = 3_600_000
const STACK = 'sim'

let directory: string
let kernel: FakeKernel
let machine: Machine
beforeEach(async () => {
  directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tsstack-clock-'))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  clearPending()
  kernel = new FakeKernel(new Random(1))
  machine = await supervise()
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(directory, { recursive: true, force: true })
})

async function supervise(): Promise<Machine> {
  const opening = openMachine(kernel, directory)
  await vi.advanceTimersByTimeAsync(0)
  return (await opening).machine
}

/** A program that runs for `lastsMs`, fails, and is always started again. */
async function up(lastsMs: number): Promise<void> {
  const applying = applyDesired(machine, {
    stack: STACK,
    desired: crashing(STACK, lastsMs),
    options: {},
  })
  await vi.advanceTimersByTimeAsync(5)
  await applying
}

const setClock = (byMs: number): unknown => vi.setSystemTime(Date.now() + byMs)
const attempts = (): number => machine.containers.get('sim-a-1')?.record.attempts ?? 0
const delayMs = (): number => machine.containers.get('sim-a-1')?.record.restarts.delayMs ?? -1

/** Milliseconds until the next start, as `ps` has it. */
function saidMs(): number {
  const container = machine.containers.get('sim-a-1')
  const { nextStartAt = NaN } = container ? observeContainer(container) : {}
  return nextStartAt - Date.now()
}

/** Milliseconds until the next attempt has begun; it has `withinMs`. */
async function nextAttempt(withinMs: number): Promise<number> {
  const before = attempts()
  for (let ms = 1; ms <= withinMs; ms += 1) {
    await vi.advanceTimersByTimeAsync(1)
    if (attempts() > before) return ms
  }
  return Infinity
}

/** The program's own time, the kernel's few milliseconds, and Docker's delay. */
const expectedMs = (delay: number, lastsMs: number) => (ms: number) =>
  ms >= delay && ms <= delay + lastsMs + 10

test.each([HOUR, -HOUR])(
  'a back-off doubles as ever while the clock is set by %i ms',
  async (by) => {
    await up(20)
    for (const delay of [100, 200, 400, 800, 1600]) {
      // While it runs, and while its back-off runs.
      setClock(by)
      await vi.advanceTimersByTimeAsync(50)
      setClock(by)
      expect(saidMs(), `delay ${delay}`).toSatisfy((ms: number) => ms > 0 && ms <= delay)
      const left = (await nextAttempt(10_000)) + 50
      expect(left, `delay ${delay}`).toSatisfy(expectedMs(delay, 20))
      expect(delayMs()).toBe(delay)
    }
  },
)

test('a run of ten seconds ends a series, whatever the clock says it lasted', async () => {
  await up(12_000)
  await nextAttempt(13_000)
  setClock(-HOUR)
  await nextAttempt(13_000)
  expect(delayMs()).toBe(100)
})

test.each([HOUR, -HOUR])(
  'a supervisor that comes after the clock was set by %i ms waits for the rest',
  async (by) => {
    await up(20)
    for (const _ of [1, 2, 3, 4, 5, 6]) await nextAttempt(20_000)
    expect(delayMs()).toBe(3200)
    // It ends while nobody lives; its delay is 6400 ms then.
    machine.containers.clear()
    kernel.forgetListeners()
    loseTimers()
    await vi.advanceTimersByTimeAsync(1000)
    setClock(by)
    machine = await supervise()
    const left = await nextAttempt(20_000)
    expect(left).toBeGreaterThan(6400 - 1000)
    expect(left).toBeLessThanOrEqual(6400 - 1000 + 40)
  },
)
