import { expect, test } from 'vitest'
import { Turns } from '../../src/daemon/turns.ts'
import type { Holder } from '../../src/daemon/protocol.ts'

/** Everything that happened, in order; `turns` of stack "shop" unless said otherwise. */
function scene(): {
  readonly events: string[]
  readonly turns: Turns
  readonly ask: (
    pid: number,
    options?: { stack?: string; signal?: AbortSignal },
  ) => Promise<Disposable>
} {
  const events: string[] = []
  const turns = new Turns()
  return {
    events,
    turns,
    ask: async (pid, { stack = 'shop', signal = new AbortController().signal } = {}) => {
      const onWait = (holder: Holder): void => {
        events.push(`${pid} waits for ${holder.pid}`)
      }
      const turn = await turns.take({ stack, holder: { command: 'up', pid }, signal, onWait })
      events.push(`${pid} begins`)
      return turn
    },
  }
}

test('Turns.take() lets one at a time, in the order of asking, and says who has it', async () => {
  const { events, ask } = scene()
  const first = await ask(1)
  const second = ask(2)
  const third = ask(3)
  await Promise.resolve()
  first[Symbol.dispose]()
  const turn = await second
  turn[Symbol.dispose]()
  await third
  expect(events).toEqual([
    '1 begins',
    '2 waits for 1',
    '3 waits for 1',
    '3 waits for 2',
    '2 begins',
    '3 begins',
  ])
})

test('Turns.take() does not let one stack wait for another', async () => {
  const { events, ask } = scene()
  await ask(1)
  await ask(2, { stack: 'blog' })
  expect(events).toEqual(['1 begins', '2 begins'])
})

test('Turns.take() forgets one who leaves while it waits', async () => {
  const { events, ask } = scene()
  const leaving = new AbortController()
  const first = await ask(1)
  const second = ask(2, { signal: leaving.signal })
  const third = ask(3)
  leaving.abort(new Error('left'))
  await expect(second).rejects.toThrow('left')
  first[Symbol.dispose]()
  await third
  expect(events.filter((event) => event.endsWith('begins'))).toEqual(['1 begins', '3 begins'])
})

test('Turns.take() refuses one who has left already', async () => {
  const { ask } = scene()
  await expect(ask(1, { signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left')
})

test('Turns.allFree() tells of everyone who holds a stack until then, and since when', async () => {
  const { turns, ask } = scene()
  const told: string[] = []
  const begun = Date.now()
  const first = await ask(1)
  const second = ask(2)
  const free = turns.allFree((stack, { pid, since = 0 }) => {
    told.push(`${stack} ${pid} ${since >= begun && since <= Date.now()}`)
  })
  first[Symbol.dispose]()
  const turn = await second
  turn[Symbol.dispose]()
  await free
  expect(told).toEqual(['shop 1 true', 'shop 2 true'])
})

test('Turns.allFree() resolves when the last stack is given back, and at once when none is held', async () => {
  const { events, turns, ask } = scene()
  await turns.allFree()
  const shop = await ask(1)
  const blog = await ask(2, { stack: 'blog' })
  const free = turns.allFree().then(() => events.push('free'))
  shop[Symbol.dispose]()
  events.push('shop is back')
  blog[Symbol.dispose]()
  await free
  expect(events.slice(2)).toEqual(['shop is back', 'free'])
})
