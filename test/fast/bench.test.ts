/** The bench's report: what it makes of figures. */
import { expect, test } from 'vitest'
import { compare, statistics } from '../../bench/measure.ts'
import { svg } from '../../bench/plot.ts'
import { markdown } from '../../bench/table.ts'

const group = {
  title: 'Speed <1>',
  note: 'A note.',
  unit: 'ms',
  yardstick: 'floor',
  rows: { floor: statistics([2, 1, 3]), 'tsstack launch': statistics([3, 3, 3]) },
}

test('statistics() gives median, least and greatest', () => {
  expect(statistics([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9, count: 3 })
})

test('markdown() has a row per contender with its ratio to the yardstick', () => {
  const text = markdown([group], 'a machine')
  expect(text).toContain('| what | ms | beside floor | runs |')
  expect(text).toContain('| tsstack launch | 3.00 (3.00 – 3.00) | 1.50× | 3 |')
})

test('svg() is one document with a bar per row, its text escaped', () => {
  const text = svg([group])
  expect(text.match(/<rect x=/g)).toHaveLength(2)
  expect(text).toContain('Speed &lt;1>')
  expect(text.trimEnd()).toMatch(/^<svg [^]*<\/svg>$/)
})

test('compare() lets contenders take turns and leaves the first round out', async () => {
  const order: string[] = []
  const contender = (name: string) => () => {
    order.push(name)
    return Promise.resolve(order.length)
  }
  const result = await compare({ a: contender('a'), b: contender('b') }, 2)
  expect(order.join('')).toBe('ababab')
  expect(result['a']).toMatchObject({ count: 2, min: 3, max: 5 })
})
