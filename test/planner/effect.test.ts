import { expect, test } from 'vitest'
import { effect, plan, type Action, type ObservedState } from '../../src/planner/index.ts'
import { desiredOf, observedOf } from './world.ts'

/** The machine after the actions of these kinds, taken from the plan between the two. */
function after(desired: string, observed: string, ...kinds: Action['kind'][]): ObservedState {
  const before = observedOf(observed, desired)
  const wanted = desired === '' ? undefined : desiredOf(desired)
  const { actions } = plan({
    desired: wanted,
    observed: before,
    now: 0,
    options: { volumes: true },
  })
  return actions.filter(({ kind }) => kinds.includes(kind)).reduce(effect, before)
}

function volumeNames({ volumes }: ObservedState): string[] {
  return volumes.map(({ spec }) => spec.name)
}

test('effect() of a creation: created, never started', () => {
  expect(after('web:', '', 'create-container').containers).toMatchObject([
    { name: 'web.1', state: 'created', attempt: 0, health: 'none', stoppedByUser: false },
  ])
})

test('effect() of a start: running, one attempt more, the last exit forgotten', () => {
  const [container] = after('web:', 'web.1 exited 3', 'start-container').containers
  expect(container).toMatchObject({ state: 'running', attempt: 2, stoppedByUser: false })
  expect(container).not.toHaveProperty('exitCode')
})

test('effect() of a stop: exited, by hand', () => {
  expect(after('', 'web.1', 'stop-container').containers).toMatchObject([
    { state: 'exited', stoppedByUser: true },
  ])
})

test('effect() of a removal takes anonymous volumes along only when the action says so', () => {
  const observed = 'web.1 running volumes=["/c"], volume web.1/c, volume data'
  expect(volumeNames(after('', observed, 'remove-container'))).toEqual(['data'])
  expect(volumeNames(after('web:', observed, 'remove-container'))).toEqual(['web.1/c', 'data'])
})

test('effect() of networks and volumes', () => {
  const made = after(
    'web: { networks: [n], volumes: ["v:/v"] }',
    '',
    'create-network',
    'create-volume',
  )
  expect([made.networks[0]?.spec.name, made.volumes[0]?.spec.name]).toEqual(['n', 'v'])
  const gone = after('', 'network n, volume v', 'remove-network', 'remove-volume')
  expect([gone.networks, gone.volumes]).toEqual([[], []])
})

test('effect() leaves the state before as it is', () => {
  const before = observedOf('web.1')
  const copy = structuredClone(before)
  plan({ desired: undefined, observed: before, now: 0 }).actions.reduce(effect, before)
  expect(before).toEqual(copy)
})
