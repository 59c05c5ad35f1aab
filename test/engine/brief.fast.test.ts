/**
 * Programs that end before whoever has launched them has gone on: with hundreds under way that may
 * take a second. The loop is the real one, over the simulation's kernel.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { applyDesired } from '../../src/engine/apply.ts'
import { clearPending, FakeKernel } from './simulation/kernel.ts'
import { openMachine } from './simulation/machine.ts'
import { Random } from './simulation/random.ts'
import { crashing } from './simulation/stack.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tsstack-brief-'))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  clearPending()
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(directory, { recursive: true, force: true })
})

test('a program that has ended before its start was over is started again', async () => {
  const kernel = new FakeKernel(new Random(1))
  kernel.launchMs = 500
  const opening = openMachine(kernel, directory)
  await vi.advanceTimersByTimeAsync(0)
  const { machine } = await opening
  const applying = applyDesired(machine, {
    stack: 'sim',
    desired: crashing('sim', 20),
    options: {},
  })
  await vi.advanceTimersByTimeAsync(1_000)
  await applying
  await vi.advanceTimersByTimeAsync(5_000)
  expect(machine.containers.get('sim-a-1')?.record).toMatchObject({
    attempts: 6,
    restarts: { restarts: 5 },
  })
})
