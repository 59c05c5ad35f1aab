/** Nothing that a test reads can make it signal more than one process. */
import { expect, test } from 'vitest'

test.each([0, 1, -1, -process.pid, Number.NaN, 1.5])('a test cannot signal %d', (pid) => {
  expect(() => process.kill(pid, 0)).toThrow(/Cannot signal/)
})

test('a test can signal a process', () => {
  expect(process.kill(process.pid, 0)).toBe(true)
})
