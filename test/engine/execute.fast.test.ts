/** The order in which the actions of a plan are done, and what becomes of those after a failure. */
import { expect, test } from 'vitest'
import { EngineError } from '../../src/errors.ts'
import { executePlan, outcomeError } from '../../src/engine/execute.ts'
import type { Action, Plan } from '../../src/planner/index.ts'

/** A start named `id`, after `after`, and after the ends of `afterEnd`. */
const start = (id: string, after: string[] = [], afterEnd: string[] = []): Action => ({
  id,
  after,
  reason: '',
  kind: 'start-container',
  name: id,
  service: id,
  waitFor: [],
  ...(afterEnd.length > 0 ? { afterEnd } : {}),
})

const planOf = (...actions: readonly Action[]): Plan => ({ stack: 's', actions, notes: [] })

/** Runs the plan; actions whose id begins with `bad` fail, and all are told when they are asked. */
async function run(plan: Plan, signal?: AbortSignal) {
  const events: string[] = []
  const asked: string[] = []
  const outcomes = await executePlan(plan, {
    perform: async ({ id }, turn) => {
      asked.push(`${id} while ${events.at(-1) ?? 'nothing is done'}`)
      if (id.startsWith('broken')) throw new EngineError('LAUNCH', `${id} broke before its turn`)
      await turn?.()
      await new Promise((resolve) => setImmediate(resolve))
      if (id.startsWith('bad')) throw new EngineError('LAUNCH', `${id} broke`, { hint: 'mend it' })
    },
    onPhase: ({ id }, phase, message) => {
      events.push([id, phase, ...(message === undefined ? [] : [message])].join(' '))
    },
    now: () => 0,
    signal,
  })
  return {
    events,
    asked,
    kinds: outcomes.map(({ kind, action }) => `${action.id} ${kind}`),
    outcomes,
  }
}

test('executePlan() does what comes first first, and the rest at once', async () => {
  const { events } = await run(planOf(start('c', ['a', 'b']), start('a'), start('b')))
  expect(events).toEqual(['a begun', 'b begun', 'a done', 'b done', 'c begun', 'c done'])
})

test('executePlan() asks for a start while others, which come first, are under way', async () => {
  const create: Action = {
    id: 'create c',
    after: [],
    reason: '',
    kind: 'remove-container',
    name: 'c',
    service: 'c',
    anonymousVolumes: false,
  }
  const { asked, events } = await run(planOf(start('a'), create, start('c', ['create c', 'a'])))
  expect(asked.at(-1)).toBe('c while create c done')
  expect(events.indexOf('c begun')).toBeGreaterThan(events.indexOf('a done'))
})

test('executePlan() says that a start has begun and failed, when it fails before its turn', async () => {
  const { events, kinds } = await run(planOf(start('a'), start('broken', ['a'])))
  expect(kinds).toEqual(['a done', 'broken failed'])
  expect(events.filter((event) => event.startsWith('broken'))).toEqual([
    'broken begun',
    'broken failed broken broke before its turn',
  ])
})

test('executePlan() gives one outcome for each action, in the order of the plan', async () => {
  const { kinds } = await run(planOf(start('b', ['a']), start('a')))
  expect(kinds).toEqual(['b done', 'a done'])
})

test('executePlan() skips what a failure stands before, all the way, and does the rest', async () => {
  const plan = planOf(start('bad'), start('x', ['bad']), start('y', ['x']), start('z'))
  const { kinds, events, outcomes } = await run(plan)
  expect(kinds).toEqual(['bad failed', 'x skipped', 'y skipped', 'z done'])
  expect(events).toContain('x skipped bad failed')
  expect(events).toContain('y skipped x skipped')
  expect(outcomes[0]).toMatchObject({
    error: { code: 'LAUNCH', message: 'bad broke', hint: 'mend it' },
  })
})

test('executePlan() waits for an optional dependency, whatever became of it', async () => {
  const { kinds, events } = await run(planOf(start('x', [], ['bad']), start('bad')))
  expect(kinds).toEqual(['x done', 'bad failed'])
  expect(events.indexOf('x begun')).toBeGreaterThan(events.indexOf('bad failed bad broke'))
})

test('executePlan() takes an action that the plan does not have as done', async () => {
  expect((await run(planOf(start('x', ['elsewhere'])))).kinds).toEqual(['x done'])
})

test('executePlan() begins nothing more once it is cancelled', async () => {
  const controller = new AbortController()
  const plan = planOf(start('a'), start('b', ['a']))
  const outcomes = await executePlan(plan, {
    perform: async () => controller.abort(),
    onPhase: () => {},
    now: () => 0,
    signal: controller.signal,
  })
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'skipped'])
  expect(outcomes[1]).toMatchObject({ because: 'cancelled' })
})

test('executePlan() tells what was left off while it waited as skipped, and a failure as one', async () => {
  const controller = new AbortController()
  const outcomes = await executePlan(planOf(start('waiting'), start('failing')), {
    perform: async ({ id }) => {
      await new Promise((resolve) => setImmediate(resolve))
      controller.abort()
      throw new EngineError(id === 'waiting' ? 'INTERRUPTED' : 'LAUNCH', 'left off', { hint: '' })
    },
    onPhase: () => {},
    now: () => 0,
    signal: controller.signal,
  })
  expect(outcomes.map(({ kind }) => kind)).toEqual(['skipped', 'failed'])
  expect(outcomes[0]).toMatchObject({ because: 'cancelled' })
})

test('outcomeError() says of a surprise that it is one', () => {
  expect(outcomeError(new TypeError('x is undefined'))).toMatchObject({
    code: 'ACTION_FAILED',
    message: 'x is undefined',
    hint: expect.stringContaining('report it'),
  })
})
