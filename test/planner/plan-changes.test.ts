import { describe, expect, test } from 'vitest'
import { plan } from '../../src/planner/index.ts'
import { check, expectOrder } from './check.ts'
import { desiredOf, observedOf } from './world.ts'

describe('plan() of a changed file', () => {
  test('plan() replaces a container whose spec changed: stop, remove, create, start', () => {
    const found = check(
      'web:',
      'web.1 running image=old',
      'stop web.1, remove web.1, create web.1, start web.1',
    )
    expectOrder(
      found,
      'stop web.1 < remove web.1',
      'remove web.1 < create web.1',
      'create web.1 < start web.1',
    )
    expect(found.actions[2]).toMatchObject({
      reason: 'image changed',
      changes: [{ path: 'image', before: 'old', after: 'host:' }],
    })
  })
  test('plan() does not stop what is not running', () => {
    check('web:', 'web.1 exited 0 image=old', 'remove web.1, create web.1, start web.1')
  })
  test('plan() stops a container in its back-off before it replaces it', () => {
    check(
      'web:',
      'web.1 restarting image=old',
      'stop web.1, remove web.1, create web.1, start web.1',
    )
  })
  test('plan() keeps a dependent of a replaced container by default', () => {
    check(
      'web: { depends_on: [db] }, db:',
      'web.1, db.1 running image=old',
      'stop db.1, remove db.1, create db.1, start db.1',
    )
  })
  test('plan() restarts a dependent that asked for it', () => {
    const found = check(
      'web: { depends_on: { db: { restart: true } } }, db:',
      'web.1, db.1 running image=old',
      'stop web.1, stop db.1, remove db.1, create db.1, start db.1, start web.1',
    )
    expectOrder(found, 'stop web.1 < stop db.1', 'start db.1 < start web.1')
    expect(found.actions[0]?.reason).toBe('"db", on which it depends, is replaced')
  })
  test('plan() passes a restart on from dependent to dependent', () => {
    check(
      'a: { depends_on: { b: { restart: true } } }, b: { depends_on: { c: { restart: true } } }, c:',
      'a.1, b.1, c.1 running image=old',
      'stop a.1, stop b.1, stop c.1, remove c.1, create c.1, start c.1, start b.1, start a.1',
    )
  })
  test('plan() restarts nobody when a stopped dependency is merely started', () => {
    check(
      'web: { depends_on: { db: { restart: true } } }, db:',
      'web.1, db.1 stopped',
      'start db.1',
    )
  })
  test('plan() replaces a container that shares the network of a replaced one', () => {
    const found = check(
      'app: { network_mode: "service:vpn" }, vpn:',
      'app.1, vpn.1 running image=old',
      'stop app.1, stop vpn.1, remove app.1, remove vpn.1, create vpn.1, create app.1, start vpn.1, start app.1',
    )
    expectOrder(found, 'stop app.1 < stop vpn.1', 'start vpn.1 < start app.1')
  })
  test('plan() looks through an untouched service to find what must come first', () => {
    const found = check(
      'web: { depends_on: [api] }, api: { depends_on: [db] }, db:',
      'web.1 running image=old, api.1, db.1 running image=old',
      'stop web.1, stop db.1, remove web.1, remove db.1, create db.1, create web.1, start db.1, start web.1',
    )
    expectOrder(found, 'stop web.1 < stop db.1', 'start db.1 < start web.1')
  })
  test('plan() does not touch a container when only its dependencies changed', () => {
    check('web: { depends_on: [db] }, db:', 'web.1 running depends_on=[], db.1', '')
  })
  test('plan() removes the highest replicas when scaled down', () => {
    const found = check(
      'web:',
      'web.1, web.2, web.3 stopped',
      'stop web.2, remove web.3, remove web.2',
    )
    expect(found.actions[0]?.reason).toBe('scaled down to 1')
  })
  test('plan() fills a hole among the replicas', () => {
    check('web: { scale: 3 }', 'web.1, web.3', 'create web.2, start web.2')
  })
  test('plan() removes every replica of a service scaled to 0: it is no orphan', () => {
    check('web: { scale: 0 }', 'web.1', 'stop web.1, remove web.1')
  })
  test('plan() makes a renamed container after the old one is gone', () => {
    const found = check(
      'web: { container_name: shop }',
      'web.1',
      'stop web.1, remove web.1, create shop, start shop',
    )
    expectOrder(found, 'remove web.1 < create shop')
    expect(found.actions[0]?.reason).toBe('renamed to "shop"')
  })
  test('plan() replaces a container whose name went to another service', () => {
    check('b: { container_name: x }', 'x running of=a', 'stop x, remove x, create x, start x')
  })
  test('plan() starts the new holder of a port after the old one has let go', () => {
    const found = check(
      'a:, b: { ports: ["80:80"] }',
      'a.1 running ports=["80:80"]',
      'create b.1, update a.1, start b.1',
    )
    expectOrder(found, 'update a.1 < start b.1')
  })
})

describe('plan() of orphans', () => {
  test('plan() keeps an orphan and says how to remove it', () => {
    const found = check('web:', 'web.1, old.1', '')
    expect(found.notes).toEqual([
      'Container "old.1" belongs to service "old", which the stack file no longer has; ' +
        '"up --remove-orphans" removes it',
    ])
  })
  test('plan() removes an orphan when asked', () => {
    const found = check('web:', 'web.1, old.1', 'stop old.1, remove old.1', { removeOrphans: true })
    expect(found.actions[0]?.reason).toBe('no longer in the stack file')
  })
  test('plan() keeps the containers of a service whose profile is not active', () => {
    const desired = { ...desiredOf('web:'), inactiveServices: ['debug'] }
    const observed = observedOf('web.1, debug.1')
    const found = plan({ desired, observed, now: 0, options: { removeOrphans: true } })
    expect(found).toEqual({ stack: 's', actions: [], notes: [] })
  })
})
