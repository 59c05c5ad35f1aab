import { expect, test } from 'vitest'
import { reviveDelayMs } from '../../src/daemon/guardian.ts'

test('a supervisor that was ready is replaced after 100 ms, up to a hundred times in a row', () => {
  expect(reviveDelayMs({ revived: 1, failed: 0 })).toBe(100)
  expect(reviveDelayMs({ revived: 100, failed: 0 })).toBe(100)
  expect(reviveDelayMs({ revived: 103, failed: 0 })).toBe(800)
})

test('one that is never ready is tried again ever more rarely, to once a minute', () => {
  const delays = [1, 2, 3, 4].map((failed) => reviveDelayMs({ revived: failed, failed }))
  expect(delays).toEqual([100, 200, 400, 800])
  expect(reviveDelayMs({ revived: 50, failed: 50 })).toBe(60_000)
})
