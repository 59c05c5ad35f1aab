/** Updates of replicas in batches: `deploy.update_config`. */

import { expect, test } from 'vitest'
import { impactOf, plan, type ObservedContainer } from '../../src/planner/index.ts'
import { check, checkDown, expectOrder } from './check.ts'
import { desired } from './stack.ts'
import { desiredOf, observedOf } from './world.ts'

const START_FIRST = 'update: { order: start-first }'
const STOP_FIRST = 'update: { order: stop-first }'
const REPLACED = ['stop', 'remove', 'create', 'start']

const replaced = (name: string): string => REPLACED.map((verb) => `${verb} ${name}`).join(', ')

test('plan() starts the new replica beside the old one, which goes when that has settled', () => {
  const found = check(
    `web: { image: new, ${START_FIRST} }`,
    'web.1 running image=old',
    'create web.2, start web.2, settle web/1, stop web.1, remove web.1',
  )
  expectOrder(found, 'settle web/1 < stop web.1', 'start web.2 < settle web/1')
  expect(found.actions.find(({ kind }) => kind === 'stop-container')).toMatchObject({ drain: true })
  const observed = observedOf('web.1 running image=old')
  expect(impactOf(found, observed).downtime).toEqual([])
})

test('plan() goes back to the first place with the next update', () => {
  check(
    `web: { image: new, ${START_FIRST} }`,
    'web.2 running image=old',
    'create web.1, start web.1, settle web/1, stop web.2, remove web.2',
  )
})

test('plan() leaves a replica in the place that an update has given it', () => {
  check(`web: { ${START_FIRST} }`, 'web.2 running', '')
  check(`web: { ${STOP_FIRST} }`, 'web.2 running', '')
  check(`web: { scale: 2, ${START_FIRST} }`, 'web.2 running', 'create web.1, start web.1')
})

test('plan() replaces one replica after the other, stop-first', () => {
  const found = check(
    `web: { scale: 3, image: new, ${STOP_FIRST} }`,
    'web.1 running image=old, web.2 running image=old, web.3 running image=old',
    `${replaced('web.1')}, settle web/1, ${replaced('web.2')}, settle web/2, ` +
      `${replaced('web.3')}, settle web/3`,
  )
  expectOrder(found, 'settle web/1 < stop web.2', 'settle web/2 < stop web.3')
  expect(found.notes).toEqual(['Service "web" is updated in 3 batches, stop-first'])
})

test('plan() takes as many at a time as the rule says, start-first', () => {
  const found = check(
    `web: { scale: 3, image: new, update: { order: start-first, parallelism: 2 } }`,
    'web.1 running image=old, web.2 running image=old, web.3 running image=old',
    'create web.4, start web.4, create web.5, start web.5, settle web/1, create web.6, ' +
      'stop web.1, remove web.1, stop web.2, remove web.2, ' +
      'start web.6, settle web/2, stop web.3, remove web.3',
  )
  expectOrder(found, 'remove web.1 < start web.6', 'start web.4 | start web.5')
})

test('plan() goes on with an update that a crash cut short', () => {
  check(
    `web: { scale: 2, image: new, ${START_FIRST} }`,
    'web.2 running image=old, web.3 running image=new',
    'create web.1, start web.1, settle web/1, stop web.2, remove web.2',
  )
  check(
    `web: { image: new, ${START_FIRST} }`,
    'web.1 running image=old, web.2 running image=new',
    'settle web/1, stop web.1, remove web.1',
  )
  check(
    `web: { image: new, ${START_FIRST} }`,
    'web.1 running image=old, web.2 created image=new',
    'start web.2, settle web/1, stop web.1, remove web.1',
  )
})

test('plan() takes the place of a new replica that failed, and not that of the old one', () => {
  const found = check(
    `web: { image: newer, ${START_FIRST} }`,
    'web.1 running image=old, web.2 restarting image=new',
    `${replaced('web.2')}, settle web/1, stop web.1, remove web.1`,
  )
  expectOrder(found, 'settle web/1 < stop web.1', 'start web.2 < settle web/1')
})

test('plan() does not wait between replicas that are only added or removed', () => {
  check(`web: { scale: 2, ${START_FIRST} }`, 'web.1 running', 'create web.2, start web.2')
  check(`web: { ${START_FIRST} }`, 'web.1 running, web.2 running', 'stop web.2, remove web.2')
  const all = 'create web.1, create web.2, start web.1, start web.2'
  check(`web: { scale: 2, ${START_FIRST} }`, '', all)
  checkDown(`web: { ${START_FIRST} }`, 'web.1 running', 'stop web.1, remove web.1')
})

test('plan() lets replicas share their port while an update is under way', () => {
  const found = check(
    `web: { image: new, ports: ["80:80"], ${START_FIRST} }`,
    'web.1 running image=old',
    'create web.2, start web.2, settle web/1, stop web.1, remove web.1',
  )
  expectOrder(found, 'start web.2 < stop web.1')
})

test('plan() updates what others need first, and restarts these when that is done', () => {
  const found = check(
    `api: { image: new, ${START_FIRST} }, web: { depends_on: { api: { restart: true } } }`,
    'api.1 running image=old, web.1 running',
    'create api.2, start api.2, settle api/1, stop web.1, stop api.1, remove api.1, start web.1',
  )
  expectOrder(found, 'settle api/1 < stop web.1', 'start api.2 < start web.1')
})

test('plan() updates two services of which one needs the other, in order', () => {
  const found = check(
    `api: { image: new, ${STOP_FIRST} }, web: { image: new, depends_on: [api], ${STOP_FIRST} }`,
    'api.1 running image=old, web.1 running image=old',
    `${replaced('api.1')}, settle api/1, ${replaced('web.1')}, settle web/1`,
  )
  expectOrder(found, 'settle api/1 < stop web.1')
})

test('plan() stops all at once where a network has to be made anew', () => {
  const found = plan({
    desired: desiredOf(`web: { scale: 2, networks: [back], ${START_FIRST} }`),
    observed: observedOf(
      'web.1 running networks=[back], web.2 running networks=[back], network back internal',
    ),
    now: 0,
  })
  expect(found.actions.some(({ kind }) => kind === 'settle-update')).toBe(false)
  expect(found.actions.map(({ id }) => id)).toContain('remove-network:back')
})

test('plan() goes back as rollback_config says', () => {
  const before = desiredOf(`web: { scale: 2, ${START_FIRST} }`)
  const web = before.updates?.['web']
  if (web === undefined) throw new Error('unreachable: web has a rule')
  const all = { ...web, rollback: { ...web.rollback, parallelism: 0 } }
  const found = plan({
    desired: { ...before, updates: { web: all } },
    observed: observedOf('web.1 running image=new, web.2 running image=new'),
    now: 0,
    options: { rollback: true },
  })
  expect(found.actions.filter(({ kind }) => kind === 'settle-update')).toHaveLength(1)
})

test('desire() reads update_config with the defaults of the specification', () => {
  const config = 'update_config: { order: start-first, delay: 2s, monitor: 1500ms }'
  const { updates } = desired(`web: { deploy: { replicas: 2, ${config}, resources: {} } }`)
  expect(updates?.['web']?.update).toEqual({
    parallelism: 1,
    order: 'start-first',
    delayMs: 2000,
    monitorMs: 1500,
    failureAction: 'pause',
    maxFailureRatio: 0,
  })
  expect(updates?.['web']?.spares.map(({ name }) => name)).toEqual(['shop-web-3', 'shop-web-4'])
})

test.each([
  ['container_name: web', 'its container_name can be had by one only'],
  ['networks: { default: { ipv4_address: 10.0.0.9 } }', 'its address is fixed'],
  ['ports: [{ target: 80, published: 8000-8010 }]', 'its published ports are a range'],
])('plan() says why a service with %s is updated stop-first', (fields, reason) => {
  const deploy = 'deploy: { update_config: { order: start-first }, resources: {} }'
  const state = desired(`web: { ${fields}, ${deploy} }`)
  expect(state.updates?.['web']?.spares).toEqual([])
  const containers = state.containers.map((each) => ({
    ...(observedOf('web.1 running').containers[0] as ObservedContainer),
    ...each,
    spec: { ...each.spec, image: 'old:' },
  }))
  const { notes } = plan({
    desired: state,
    observed: { ...observedOf(''), stack: 'shop', containers },
    now: 0,
  })
  expect(notes).toContain(
    `Service "web" is updated at once, stop-first and not start-first: ${reason}`,
  )
})
