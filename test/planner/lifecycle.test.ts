/** What start, stop, restart, kill, pause, unpause and rm do to containers as they are. */
import { describe, expect, test } from 'vitest'
import {
  planLifecycle,
  type DesiredState,
  type LifecycleOptions,
  type LifecycleVerb,
  type Plan,
} from '../../src/planner/index.ts'
import { expectOrder, textOf } from './check.ts'
import { desiredOf, observedOf } from './world.ts'

const STACK = 'web: { depends_on: { db: { restart: true } } }, db: {}, job: {}'

function check(
  verb: LifecycleVerb,
  observed: string,
  expected: string,
  options: LifecycleOptions = {},
): Plan {
  const found = planLifecycle({
    verb,
    observed: observedOf(observed, STACK),
    known: desiredOf(STACK),
    now: 0,
    options,
  })
  expect(found.actions.map(textOf).join(', ')).toBe(expected)
  return found
}

describe('start', () => {
  test('starts what does not run, each after what it depends on', () => {
    const plan = check(
      'start',
      'web.1 stopped, db.1 stopped, job.1 running',
      'start db.1, start web.1',
    )
    expectOrder(plan, 'start db.1 < start web.1')
  })

  test('of a service starts its dependencies and nothing else', () => {
    const options = { services: ['web'] }
    check('start', 'web.1 created, db.1 created, job.1 created', 'start db.1, start web.1', options)
  })

  test('runs again what has completed, when asked for all and when asked for it', () => {
    check('start', 'job.1 exited 0', 'start job.1')
    check('start', 'job.1 exited 0, db.1', 'start job.1', { services: ['job'] })
  })

  test('replaces nothing, whatever the stack file says', () => {
    check('start', 'db.1 stopped image=other', 'start db.1')
  })

  test('says how to make a container that is not there', () => {
    expect(() => check('start', 'db.1', '', { services: ['job'] })).toThrow(
      expect.objectContaining({ code: 'NOT_RUNNING', hint: expect.stringContaining('up -d job') }),
    )
  })

  test('of a stack without containers is refused, unless it is scaled to nothing', () => {
    const observed = observedOf('', STACK)
    const start = (known: DesiredState | undefined) =>
      planLifecycle({ verb: 'start', observed, known, now: 0, options: {} }).actions
    for (const known of [undefined, desiredOf(STACK)]) {
      expect(() => start(known)).toThrow(
        expect.objectContaining({
          code: 'NOT_RUNNING',
          message: `Cannot start "${observed.stack}": it has no container`,
          hint: 'make one with: tsstack up -d',
        }),
      )
    }
    expect(start(desiredOf('web: { scale: 0 }'))).toEqual([])
  })
})

describe('stop', () => {
  test('stops dependents first, and all that lives', () => {
    const plan = check('stop', 'web.1, db.1 paused, job.1 exited 0', 'stop web.1, stop db.1')
    expectOrder(plan, 'stop web.1 < stop db.1')
  })

  test('of a service leaves alone what needs it', () => {
    check('stop', 'web.1, db.1', 'stop db.1', { services: ['db'] })
  })
})

describe('restart', () => {
  test('takes along what wants to be restarted with it', () => {
    const expected = 'stop web.1, stop db.1, start db.1, start web.1'
    check('restart', 'web.1, db.1, job.1', expected, { services: ['db'] })
    check('restart', 'web.1, db.1', 'stop db.1, start db.1', { services: ['db'], noDeps: true })
  })

  test('starts what has ended', () => {
    check('restart', 'job.1 exited 3', 'start job.1')
    check('restart', 'job.1 exited 0', 'start job.1', { services: ['job'] })
  })
})

describe('kill, pause and unpause', () => {
  test('act on what runs, all at once', () => {
    const world = 'web.1, db.1 paused, job.1 exited 0'
    const plan = check('kill', world, 'signal web.1, signal db.1')
    expectOrder(plan, 'signal web.1 | signal db.1')
    check('unpause', world, 'unpause db.1')
    check('pause', 'web.1, job.1 stopped', 'pause web.1')
  })

  test('of a service without container is nothing; of one nobody knows is refused', () => {
    check('pause', 'web.1', '', { services: ['job'] })
    expect(() => check('pause', 'web.1', '', { services: ['wbe'] })).toThrow('Cannot find "wbe"')
  })
})

describe('remove', () => {
  test('takes what has ended, and what runs only with stop', () => {
    check('remove', 'web.1, db.1, job.1 exited 0', 'remove job.1')
    const expected = 'stop web.1, stop db.1, remove web.1, remove job.1, remove db.1'
    check('remove', 'web.1, db.1, job.1 exited 0', expected, { stop: true })
  })

  test('leaves networks and volumes where they are', () => {
    check('remove', 'job.1 stopped, network back, volume data', 'remove job.1', { volumes: true })
  })
})
