/** When mounts that were put back are looked at again. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MountCare } from '../../src/engine/heal/mount-care.ts'
import type { Machine } from '../../src/engine/machine.ts'

let looks = 0
let care: MountCare
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  looks = 0
  // Nothing runs here: what is watched does not matter.
  const machine = { containers: new Map() } as unknown as Machine
  care = new MountCare(machine, () => {
    looks += 1
  })
})
afterEach(() => {
  care[Symbol.dispose]()
  vi.useRealTimers()
})

/** Milliseconds until `web`, whose mounts change now, is looked at. */
function delayMs(): number {
  const begin = performance.now()
  looks = 0
  care.change('web')
  if (looks === 0) vi.advanceTimersToNextTimer()
  expect(looks).toBe(1)
  expect([...care.take()]).toEqual(['web'])
  return performance.now() - begin
}

test('a change is looked at at once, and after a cure each time twice as long later', () => {
  expect(delayMs()).toBe(0)
  const delays = Array.from({ length: 12 }, () => {
    care.mended('web')
    return delayMs()
  })
  const seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
  expect(delays).toEqual(seconds.map((one) => one * 1000))
})

test('several mounts that are cured in one look count once', () => {
  care.mended('web')
  care.mended('web')
  expect(delayMs()).toBe(1000)
})

test('who was left alone for long, or was started anew, is looked at soon again', () => {
  for (let round = 0; round < 3; round += 1) {
    care.mended('web')
    delayMs()
  }
  vi.advanceTimersByTime(301_000)
  care.mended('web')
  expect(delayMs()).toBe(1000)
  care.mended('web')
  care.forget('web')
  expect(delayMs()).toBe(0)
})
