import { expect, test } from 'vitest'
import { durationText } from '../../src/cli/duration.ts'
import { table } from '../../src/cli/table.ts'

test('table() makes each column as wide as its widest cell, and leaves no spaces at the end', () => {
  expect(
    table(
      ['NAME', 'STATE'],
      [
        ['a', 'running'],
        ['longer', 'x'],
        ['b', ''],
      ],
    ),
  ).toBe(['NAME     STATE', 'a        running', 'longer   x', 'b'].join('\n'))
})

test('table() of nothing is its head', () => {
  expect(table(['A', 'B'], [])).toBe('A   B')
})

test.each([
  [-5, '0 seconds'],
  [999, '0 seconds'],
  [1000, '1 second'],
  [59_999, '59 seconds'],
  [60_000, '1 minute'],
  [7_200_000, '2 hours'],
  [86_400_000 * 3.9, '3 days'],
])('durationText(%i) is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})
