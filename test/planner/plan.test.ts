import { describe, expect, test } from 'vitest'
import { plan } from '../../src/planner/index.ts'
import { check, checkDown, expectOrder } from './check.ts'
import { desiredOf, observedOf } from './world.ts'

describe('plan() of a first up', () => {
  test('plan() creates and starts a service', () => {
    check('web:', '', 'create web.1, start web.1')
  })
  test('plan() creates every replica', () => {
    check('web: { scale: 2 }', '', 'create web.1, create web.2, start web.1, start web.2')
  })
  test('plan() has nothing to do for a stack that is as its file says', () => {
    check('web: { depends_on: [db] }, db:', 'web.1, db.1', '')
  })
  test('plan() starts dependencies first, whatever the order in the file', () => {
    const found = check(
      'web: { depends_on: [api] }, api: { depends_on: [db] }, db:',
      '',
      'create db.1, create api.1, create web.1, start db.1, start api.1, start web.1',
    )
    expectOrder(found, 'start db.1 < start api.1', 'start api.1 < start web.1')
  })
  test('plan() starts independent services side by side', () => {
    const found = check('a:, b:', '', 'create a.1, create b.1, start a.1, start b.1')
    expectOrder(found, 'start a.1 | start b.1')
  })
  test('plan() creates networks and volumes before the containers that use them', () => {
    const found = check(
      'web: { networks: [back], volumes: ["data:/d"] }',
      '',
      'create-network back, create-volume data, create web.1, start web.1',
    )
    expectOrder(
      found,
      'create-network back < create web.1',
      'create-volume data < create web.1',
      'create-network back | create-volume data',
    )
  })
  test('plan() hands the conditions to the start', () => {
    const found = check(
      'web: { depends_on: { db: { condition: service_healthy } } }, db:',
      'db.1',
      'create web.1, start web.1',
    )
    expect(found.actions.at(-1)).toMatchObject({
      waitFor: [{ service: 'db', condition: 'service_healthy' }],
    })
  })
  test('plan() does not wait for a dependency that is scaled to 0', () => {
    const found = check(
      'web: { depends_on: [db] }, db: { scale: 0 }',
      '',
      'create web.1, start web.1',
    )
    expect(found.actions.at(-1)).toMatchObject({ waitFor: [] })
  })
  test('plan() lets an optional dependency fail without its dependents', () => {
    const found = check(
      'web: { depends_on: { db: { required: false } } }, db:',
      '',
      'create db.1, create web.1, start db.1, start web.1',
    )
    expectOrder(found, 'start db.1 < start web.1')
    expect(found.actions.at(-1)).toMatchObject({
      after: ['create-container:web.1'],
      afterEnd: ['start-container:db.1'],
      waitFor: [{ service: 'db', required: false }],
    })
  })
  test('plan() waits for the success of what is required, for the end of what is not', () => {
    const found = check(
      'a: { depends_on: { c: { required: false }, b: {} } }, b: { depends_on: [c] }, c:',
      '',
      'create c.1, create b.1, create a.1, start c.1, start b.1, start a.1',
    )
    expect(found.actions.at(-1)).toMatchObject({
      after: ['create-container:a.1', 'start-container:b.1'],
      afterEnd: ['start-container:c.1'],
    })
  })
  test('plan() starts a container after the one whose network it shares', () => {
    const found = check(
      'app: { network_mode: "service:vpn" }, vpn:',
      '',
      'create vpn.1, create app.1, start vpn.1, start app.1',
    )
    expectOrder(found, 'start vpn.1 < start app.1')
  })
})

describe('plan() of what is there and not running', () => {
  test.each([
    ['web.1 created', 'not started yet'],
    ['web.1 stopped', 'stopped by hand'],
    ['web.1 exited 3', 'exited with 3'],
    ['web.1 created failure=EBUSY', 'last start failed: EBUSY'],
  ])('plan() starts %s because: %s', (observed, reason) => {
    expect(check('web:', observed, 'start web.1').actions[0]?.reason).toBe(reason)
  })
  test('plan() does not run a completed one-shot again, and says so', () => {
    const found = check('job:', 'job.1 exited 0', '')
    expect(found.notes).toEqual([
      'Container "job.1" has completed and is not run again; "up job" runs it',
    ])
  })
  test('plan() runs a completed one-shot again when it is asked for by name', () => {
    check('job:', 'job.1 exited 0', 'start job.1', { services: ['job'] })
  })
  test('plan() runs a completed one-shot again when its dependency is replaced', () => {
    const found = check(
      'job: { depends_on: [db] }, db:',
      'job.1 exited 0, db.1 running image=old',
      'stop db.1, remove db.1, create db.1, start db.1, start job.1',
    )
    expectOrder(found, 'start db.1 < start job.1')
  })
  test('plan() runs a completed one-shot again when its dependency has started since', () => {
    const desired = desiredOf('job: { depends_on: [db] }, db:')
    const observed = observedOf('job.1 exited 0, db.1', 'job: { depends_on: [db] }, db:')
    const reasons = (startedAt: number): string[] => {
      const containers = observed.containers.map((each) => ({ ...each, startedAt, finishedAt: 5 }))
      const request = { desired, observed: { ...observed, containers }, now: 9 }
      return plan(request).actions.map(({ reason }) => reason)
    }
    expect(reasons(4)).toEqual([])
    expect(reasons(6)).toEqual(['completed, but "db", on which it depends, is new'])
  })
  test('plan() runs a completed one-shot again when its dependency has never run', () => {
    const found = check(
      'job: { depends_on: [db] }, db:',
      'job.1 exited 0, db.1 created',
      'start db.1, start job.1',
    )
    expectOrder(found, 'start db.1 < start job.1')
  })
  test('plan() does not run a completed one-shot again for one more replica', () => {
    check(
      'job: { depends_on: [db] }, db: { scale: 2 }',
      'job.1 exited 0, db.1',
      'create db.2, start db.2',
    )
  })
  test('plan() starts a service that exited with 0 although it should always run', () => {
    check('web: { restart: always }', 'web.1 exited 0', 'start web.1')
  })
  test('plan() starts a one-shot that was stopped before it completed', () => {
    check('job:', 'job.1 stopped 0', 'start job.1')
  })
  test('plan() leaves a restarting container to its back-off', () => {
    const found = check('web:', 'web.1 restarting 1', '')
    expect(found.notes).toEqual(['Container "web.1" is waiting to be restarted after exit 1'])
  })
  test('plan() restarts a failed replica after its back-off', () => {
    const desired = desiredOf('web:')
    const observed = observedOf('web.1 restarting 1 restartAt=500', 'web:')
    const at = (now: number): number => plan({ desired, observed, now }).actions.length
    expect([at(499), at(500)]).toEqual([0, 1])
  })
})

describe('plan() of down', () => {
  const shop = 'web: { depends_on: [api] }, api: { depends_on: [db] }, db:'
  test('plan() of down removes everything, dependents first, networks last', () => {
    const found = checkDown(
      'web: { depends_on: [db], networks: [back] }, db: { networks: [back] }',
      'web.1, db.1, network back',
      'stop web.1, stop db.1, remove web.1, remove db.1, remove-network back',
    )
    expectOrder(
      found,
      'stop web.1 < stop db.1',
      'remove web.1 < remove-network back',
      'remove db.1 < remove-network back',
    )
  })
  test('plan() of down stops independent branches side by side', () => {
    const found = checkDown(
      'a: { depends_on: [db] }, b: { depends_on: [db] }, db:',
      'a.1, b.1, db.1',
      'stop b.1, stop a.1, stop db.1, remove b.1, remove a.1, remove db.1',
    )
    expectOrder(found, 'stop a.1 | stop b.1', 'stop a.1 < stop db.1', 'stop b.1 < stop db.1')
  })
  test('plan() of down keeps the order across a service that is not running', () => {
    const found = checkDown(
      shop,
      'web.1, api.1 exited 1, db.1',
      'stop web.1, stop db.1, remove web.1, remove api.1, remove db.1',
    )
    expectOrder(found, 'stop web.1 < stop db.1')
  })
  test('plan() of down stops a container that waits for its back-off', () => {
    checkDown('web:', 'web.1 restarting 1', 'stop web.1, remove web.1')
  })
  test('plan() of down keeps volumes and says so', () => {
    const found = checkDown(
      'db: { volumes: ["data:/d"] }',
      'db.1, volume data',
      'stop db.1, remove db.1',
    )
    expect(found.notes).toEqual(['Volume "data" is kept; "down -v" removes it with its data'])
    expect(found.actions.at(-1)).toMatchObject({ anonymousVolumes: false })
  })
  test('plan() of down -v removes named and anonymous volumes', () => {
    const found = checkDown(
      'db: { volumes: ["data:/d", "/cache"] }',
      'db.1, volume data, volume db.1/cache',
      'stop db.1, remove db.1, remove-volume data',
      { volumes: true },
    )
    expectOrder(found, 'remove db.1 < remove-volume data')
    expect(found.actions[1]).toMatchObject({ anonymousVolumes: true })
  })
  test('plan() of down -v leaves an external volume', () => {
    const observed = observedOf('volume data')
    const external = observed.volumes.map((each) => ({
      ...each,
      spec: { ...each.spec, external: true },
    }))
    const request = { desired: undefined, observed: { ...observed, volumes: external }, now: 0 }
    expect(plan({ ...request, options: { volumes: true } }).actions).toEqual([])
  })
  test('plan() of down of one service takes its dependents along', () => {
    checkDown(shop, 'web.1, api.1, db.1', 'stop web.1, stop api.1, remove web.1, remove api.1', {
      services: ['api'],
    })
  })
  test('plan() of down of one service keeps the networks that others use', () => {
    checkDown(
      'web: { networks: [back, front] }, db: { networks: [back] }',
      'web.1, db.1, network back, network front',
      'stop web.1, remove web.1, remove-network front',
      { services: ['web'] },
    )
  })
  test('plan() of down of nothing is empty', () => {
    checkDown('', '', '')
  })
  test('plan() of down copes with containers that depend on each other', () => {
    checkDown(
      'a: { depends_on: [b] }, b: { depends_on: [a] }',
      'a.1, b.1',
      'stop a.1, stop b.1, remove a.1, remove b.1',
    )
  })
})

test('plan() lets the file decide when containers remember the opposite order', () => {
  const found = check(
    'a: { depends_on: [b], image: new }, b: { scale: 0 }',
    'a.1 running image=old, b.1 running depends_on=[a]',
    'stop a.1, stop b.1, remove a.1, remove b.1, create a.1, start a.1',
  )
  expectOrder(found, 'stop a.1 < stop b.1')
})

test('plan() warns of a stack of the same name from another directory', () => {
  const desired = desiredOf('web:')
  const source = { directory: '/elsewhere', files: [] }
  const observed = { ...observedOf('web.1', 'web:'), source }
  expect(plan({ desired, observed, now: 0 }).notes).toEqual([
    'Stack "s" was made from "/elsewhere", and this file is in "/s"; ' +
      'if they are two stacks, give one of them another name with -p',
  ])
})
