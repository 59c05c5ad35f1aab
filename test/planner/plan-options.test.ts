import { describe, expect, test } from 'vitest'
import { plan } from '../../src/planner/index.ts'
import { check, checkDown } from './check.ts'
import { desiredOf, observedOf } from './world.ts'

describe('plan() options', () => {
  const two = 'web: { depends_on: [db] }, db:, other:'
  test('plan() of some services takes their dependencies along', () => {
    check(two, '', 'create db.1, create web.1, start db.1, start web.1', { services: ['web'] })
  })
  test('plan() with noDeps takes the named services alone, and waits for no other', () => {
    const options = { services: ['web'], noDeps: true }
    const found = check(two, '', 'create web.1, start web.1', options)
    expect(found.actions.at(-1)).toMatchObject({ waitFor: [] })
  })
  test('plan() of some services leaves changes of the others alone', () => {
    check(two, 'web.1, db.1, other.1 running image=old', '', { services: ['web'] })
  })
  test('plan() refuses a service that the stack does not have', () => {
    const request = { desired: desiredOf(two), observed: observedOf(''), now: 0 }
    expect(() => plan({ ...request, options: { services: ['wbe'] } })).toThrow(
      'Cannot find "wbe": stack "s" has no such service; it has db, other, web',
    )
  })
  test('plan() guesses which service was meant', () => {
    const request = { desired: desiredOf(two), observed: observedOf(''), now: 0 }
    expect(() => plan({ ...request, options: { services: ['wbe'] } })).toThrow(
      expect.objectContaining({ code: 'NO_SUCH_SERVICE', hint: 'Did you mean "web"?' }),
    )
  })
  test('plan() with forceRecreate replaces what did not change', () => {
    const found = check('web:', 'web.1', 'stop web.1, remove web.1, create web.1, start web.1', {
      forceRecreate: true,
    })
    expect(found.actions[0]?.reason).toBe('forced by --force-recreate')
  })
  test('plan() with forceRecreate replaces the named services, not their dependencies', () => {
    check(two, 'web.1, db.1', 'stop web.1, remove web.1, create web.1, start web.1', {
      services: ['web'],
      forceRecreate: true,
    })
  })
  test('plan() with alwaysRecreateDeps replaces the dependencies too', () => {
    check(
      two,
      'web.1, db.1',
      'stop web.1, stop db.1, remove web.1, remove db.1, create db.1, create web.1, start db.1, start web.1',
      { services: ['web'], forceRecreate: true, alwaysRecreateDeps: true },
    )
  })
  test('plan() with forceRecreate runs a completed one-shot again', () => {
    check('job:', 'job.1 exited 0', 'remove job.1, create job.1, start job.1', {
      forceRecreate: true,
    })
  })
  test('plan() with noRecreate keeps what changed', () => {
    check('web:', 'web.1 running image=old', '', { noRecreate: true })
  })
  test('plan() with noRecreate still starts what is not running', () => {
    check('web:', 'web.1 stopped image=old', 'start web.1', { noRecreate: true })
  })
  test('plan() with graceMs overrides the grace of each service', () => {
    const found = checkDown('web: { grace: 30 }', 'web.1', 'stop web.1, remove web.1', {
      graceMs: 0,
    })
    expect(found.actions[0]).toMatchObject({ graceMs: 0 })
  })
  test('plan() stops with the grace of the container as it runs', () => {
    const found = check(
      'web: { grace: 30, image: new }',
      'web.1 running grace=5 image=old',
      'stop web.1, remove web.1, create web.1, start web.1',
    )
    expect(found.actions[0]).toMatchObject({ graceMs: 5000 })
  })
  test('plan() carries anonymous volumes over to the replacement, unless renewed', () => {
    const desired = 'web: { volumes: ["/cache"] }'
    const expected = 'stop web.1, remove web.1, create web.1, start web.1'
    const kept = check(desired, 'web.1 running image=old', expected)
    expect(kept.actions[1]).toMatchObject({ anonymousVolumes: false })
    const renewed = check(desired, 'web.1 running image=old', expected, {
      renewAnonymousVolumes: true,
    })
    expect(renewed.actions[1]).toMatchObject({ anonymousVolumes: true })
  })
})
