/** When the next network namespace is made: never while a start has use for the processors. */
import { closeSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NamespacePool } from '../../src/engine/namespaces.ts'

let made: number
let pool: NamespacePool
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  made = 0
  const net = { prepareNamespace: () => void (made += 1), supplyNamespaces: () => undefined }
  pool = new NamespacePool(net, { add: () => undefined })
})
afterEach(() => {
  pool.close()
  vi.useRealTimers()
})

test('a spare one is made 100 ms after the last of several starts', () => {
  for (let start = 0; start < 5; start += 1) {
    pool.refillSoon()
    vi.advanceTimersByTime(99)
  }
  expect(made).toBe(0)
  vi.advanceTimersByTime(1)
  expect(made).toBe(1)
})

test('who takes the spare one waits for none to be made', () => {
  pool.refill()
  pool.refill()
  expect(made).toBe(1)
  closeSync(pool.take().fd)
  expect(made).toBe(1)
  closeSync(pool.take().fd)
  expect(made).toBe(2)
})
