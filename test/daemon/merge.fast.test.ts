import { expect, test } from 'vitest'
import { mergeByTime } from '../../src/daemon/merge.ts'

async function* stream(times: readonly number[], onEnd?: () => void): AsyncIterable<number> {
  try {
    yield* times
  } finally {
    onEnd?.()
  }
}

async function merged(...streams: readonly (readonly number[])[]): Promise<string> {
  const found: string[] = []
  const values = mergeByTime(
    streams.map((times) => stream(times)),
    (time) => time,
  )
  for await (const { from, value } of values) found.push(`${from}:${value}`)
  return found.join(' ')
}

test('mergeByTime() orders by time, and equal times by stream', async () => {
  expect(await merged([1, 4, 4], [2, 4], [], [3])).toBe('0:1 1:2 3:3 0:4 0:4 1:4')
})

test('mergeByTime() keeps the order of a stream whose clock went back', async () => {
  expect(await merged([5, 1], [3])).toBe('1:3 0:5 0:1')
})

test('mergeByTime() of nothing is nothing', async () => {
  expect(await merged()).toBe('')
})

test('mergeByTime() closes every stream when its reader stops early', async () => {
  const closed: number[] = []
  const streams = [0, 1].map((number) => stream([number, 9], () => closed.push(number)))
  for await (const _ of mergeByTime(streams, (time) => time)) break
  expect(closed).toEqual([0, 1])
})
