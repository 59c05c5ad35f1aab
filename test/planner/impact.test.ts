/** What a plan means: who is down, what is lost, and the path that takes longest. */
import { expect, test } from 'vitest'
import {
  compareStacks,
  impactOf,
  impactText,
  plan,
  type PlanOptions,
} from '../../src/planner/index.ts'
import { desiredOf, observedOf } from './world.ts'

function impact(desired: string, observed: string, options: PlanOptions = {}) {
  const world = observedOf(observed, desired)
  const found = plan({ desired: desiredOf(desired), observed: world, now: 0, options })
  return impactOf(found, world)
}

test('a new stack stops nobody and loses nothing', () => {
  const found = impact('web: {}', '')
  expect(found).toMatchObject({ downtime: [], dataLost: [] })
  expect(impactText(found)).toBeUndefined()
})

test('a replaced container is down, one that did not run is not', () => {
  expect(impact('web: { image: new }', 'web.1 image=old').downtime).toEqual(['web'])
  expect(impact('web: { image: new }', 'web.1 stopped image=old').downtime).toEqual([])
})

test('anonymous volumes are lost only when they are renewed', () => {
  const stack = 'web: { image: new, volumes: [/data] }'
  expect(impact(stack, 'web.1 image=old').dataLost).toEqual([])
  const renewed = impact(stack, 'web.1 image=old', { renewAnonymousVolumes: true })
  expect(renewed.dataLost).toEqual(['web.1/data'])
  expect(impactText(renewed)).toContain('Downtime: web. Data lost: web.1/data.')
})

test('the critical path is the longest chain, not the longest list', () => {
  const { criticalPath, estimatedMs } = impact(
    'c: { depends_on: [b] }, b: { depends_on: [a] }, a: {}, d: {}',
    '',
  )
  expect(criticalPath.filter((id) => id.startsWith('start'))).toEqual([
    'start-container:a.1',
    'start-container:b.1',
    'start-container:c.1',
  ])
  expect(estimatedMs).toBeGreaterThan(impact('d: {}', '').estimatedMs)
})

test('what was measured on this machine counts more than what is usual elsewhere', () => {
  const world = observedOf('web.1 image=old', 'web: { image: new }')
  const found = plan({
    desired: desiredOf('web: { image: new }'),
    observed: world,
    now: 0,
    options: {},
  })
  const measured = impactOf(found, world, ({ kind }) =>
    kind === 'start-container' ? 4321 : undefined,
  )
  expect(measured.usualMs.at(-1)).toBe(4321)
  expect(measured.estimatedMs).toBe(measured.usualMs.reduce((sum, each) => sum + each, 0))
  expect(impactText(measured)).toContain('start web.1 (4321 ms).')
})

test('compareStacks() names what was added, removed and changed, field by field', () => {
  const found = compareStacks(
    desiredOf('a: { image: x }, b: {}'),
    desiredOf('a: { image: y }, c: {}'),
  )
  expect(found).toEqual([
    {
      subject: 'container',
      name: 'a.1',
      change: 'changed',
      fields: [{ path: 'image', before: 'x', after: 'y' }],
    },
    { subject: 'container', name: 'b.1', change: 'removed', fields: [] },
    { subject: 'container', name: 'c.1', change: 'added', fields: [] },
  ])
})
