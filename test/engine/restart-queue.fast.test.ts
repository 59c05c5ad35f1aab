/** Restarts of a crowd: few at once, the calmest first, and taken back while they wait. */
import { expect, test, vi } from 'vitest'
import { RestartQueue } from '../../src/engine/restart-queue.ts'

/** A queue, what has begun in it, and how each of that ends. */
function crowd() {
  const queue = new RestartQueue()
  const begun: string[] = []
  const ends: (() => void)[] = []
  const enter = (name: string, delayMs = 100): (() => void) =>
    queue.enter(delayMs, () => {
      begun.push(name)
      return new Promise((resolve) => ends.push(resolve))
    })
  const endFirst = async (): Promise<void> => {
    ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { begun, enter, endFirst }
}

const EIGHT = Array.from({ length: 8 }, (_, at) => `crowd ${at}`)

test('eight begin at once, and each that ends lets another begin', async () => {
  const { begun, enter, endFirst } = crowd()
  for (const name of [...EIGHT, 'ninth', 'tenth']) enter(name)
  expect(begun).toEqual(EIGHT)
  await endFirst()
  expect(begun).toEqual([...EIGHT, 'ninth'])
  await endFirst()
  expect(begun).toEqual([...EIGHT, 'ninth', 'tenth'])
})

test('who ends for the first time goes before those that have paused for long', async () => {
  const { begun, enter, endFirst } = crowd()
  for (const name of EIGHT) enter(name)
  enter('often', 60_000)
  enter('seldom', 100)
  await endFirst()
  await endFirst()
  expect(begun.slice(EIGHT.length)).toEqual(['seldom', 'often'])
})

test('who has waited for its own pause once more goes before those that come then', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { begun, enter, endFirst } = crowd()
  for (const name of EIGHT) enter(name)
  enter('often', 60_000)
  vi.advanceTimersByTime(60_000)
  enter('seldom', 100)
  await endFirst()
  expect(begun.at(-1)).toBe('often')
  vi.useRealTimers()
})

test('who is taken back while it waits never begins', async () => {
  const { begun, enter, endFirst } = crowd()
  for (const name of EIGHT) enter(name)
  const leave = enter('taken back')
  enter('last')
  leave()
  await endFirst()
  expect(begun.slice(EIGHT.length)).toEqual(['last'])
})

test('one that hangs keeps nobody waiting for more than five seconds', async () => {
  vi.useFakeTimers()
  const { begun, enter } = crowd()
  for (const name of EIGHT) enter(name)
  enter('ninth')
  await vi.advanceTimersByTimeAsync(4_999)
  expect(begun).not.toContain('ninth')
  await vi.advanceTimersByTimeAsync(1)
  expect(begun).toContain('ninth')
  vi.useRealTimers()
})
