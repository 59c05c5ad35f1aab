/** A restart by policy until its time: made ready shortly before, or taken back. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cancelRestart } from '../../src/engine/cancel-restart.ts'
import type { LiveContainer, Machine } from '../../src/engine/machine.ts'
import { pendingRestart, TakenBack } from '../../src/engine/pending-restart.ts'
import { RestartQueue } from '../../src/engine/restart-queue.ts'

const spec = { network: { kind: 'none' } }
const container = { record: { spec } } as unknown as LiveContainer

let queue: RestartQueue
let said: string[]
beforeEach(() => {
  vi.useFakeTimers()
  queue = new RestartQueue()
  said = []
})
afterEach(() => void vi.useRealTimers())

const uptime = (): number => performance.now()

/** One that is due in 100 ms, and takes `readyMs` to be made ready. */
function pending(readyMs = 5) {
  const begun = uptime()
  const since = (): number => Math.round(uptime() - begun)
  const machine = { restarts: queue, uptime, now: uptime } as unknown as Machine
  return pendingRestart(machine, container, {
    due: begun + 100,
    delayMs: 100,
    start: async (ready) => {
      said.push(`${ready ? 'made ready' : 'started'} ${since()}`)
      if (!ready) return
      try {
        await new Promise((resolve) => setTimeout(resolve, readyMs))
        await ready()
        said.push(`goes on ${since()}`)
      } catch (reason) {
        said.push(reason instanceof TakenBack ? `taken back ${since()}` : String(reason))
      }
    },
  })
}

test('is made ready 15 ms before its time, and goes on at its time', async () => {
  pending()
  await vi.advanceTimersByTimeAsync(99)
  expect(said).toEqual(['made ready 85'])
  await vi.advanceTimersByTimeAsync(100)
  expect(said).toEqual(['made ready 85', 'goes on 100'])
})

test('that takes longer to be made ready goes on when it is', async () => {
  pending(40)
  await vi.advanceTimersByTimeAsync(300)
  expect(said).toEqual(['made ready 85', 'goes on 125'])
})

test('is taken back before anything is made ready', async () => {
  const { cancel } = pending()
  await vi.advanceTimersByTimeAsync(50)
  await cancel()
  await vi.advanceTimersByTimeAsync(300)
  expect(said).toEqual([])
})

test('is taken back while it is made ready: nothing is left of it then', async () => {
  const { cancel } = pending(8)
  await vi.advanceTimersByTimeAsync(90)
  const taken = cancel().then(() => said.push('nothing left'))
  await vi.advanceTimersByTimeAsync(300)
  await taken
  expect(said).toEqual(['made ready 85', 'taken back 93', 'nothing left'])
})

test('of a crowd nothing is made ready: it starts when there is room', async () => {
  const ends: (() => void)[] = []
  for (let other = 0; other < 8; other += 1)
    queue.enter(100, () => new Promise<void>((resolve) => ends.push(resolve)))
  pending()
  await vi.advanceTimersByTimeAsync(200)
  expect(said).toEqual([])
  ends[0]?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(said).toEqual(['started 200'])
})

test('the next one of one that fails while it is taken back is taken back as well', async () => {
  const one = { restart: undefined } as unknown as LiveContainer
  const cancelled: string[] = []
  const next = { at: uptime, cancel: async () => void cancelled.push('the next') }
  const first = {
    at: uptime,
    cancel: async () => {
      cancelled.push('the first')
      one.restart = next
    },
  }
  one.restart = first
  await cancelRestart(one)
  expect({ cancelled, left: one.restart }).toEqual({
    cancelled: ['the first', 'the next'],
    left: undefined,
  })
})
