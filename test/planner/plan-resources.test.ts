import { describe, expect, test } from 'vitest'
import { plan } from '../../src/planner/index.ts'
import { check, expectOrder } from './check.ts'
import { desiredOf, observedOf } from './world.ts'

describe('plan() of networks', () => {
  test('plan() replaces a changed network and restarts those on it', () => {
    const found = check(
      'web: { networks: [back] }',
      'web.1, network back internal',
      'stop web.1, remove-network back, create-network back, start web.1',
    )
    expectOrder(
      found,
      'stop web.1 < remove-network back',
      'remove-network back < create-network back',
      'create-network back < start web.1',
    )
    expect(found.actions[2]).toMatchObject({
      reason: 'internal changed',
      changes: [{ path: 'internal', before: true, after: false }],
    })
  })
  test('plan() makes a lost network again and restarts those on it', () => {
    const found = check(
      'web: { networks: [back] }',
      'web.1',
      'stop web.1, create-network back, start web.1',
    )
    expect(found.actions[0]?.reason).toBe('network "back" was gone')
  })
  test('plan() removes a network that the file no longer has, last', () => {
    const found = check(
      'web: { networks: [front] }',
      'web.1 running networks=[back], network back, network front',
      'update web.1, remove-network back',
    )
    expectOrder(found, 'update web.1 < remove-network back')
  })
  test('plan() gives a stopped container its networks anew before its start', () => {
    check(
      'web: { networks: [front] }',
      'web.1 exited 1 networks=[back], network back, network front',
      'update web.1, start web.1, remove-network back',
    )
  })
  test('plan() connects a running container to a network that is new', () => {
    const found = check(
      'web: { networks: [front, back] }',
      'web.1 running networks=[back], network back',
      'create-network front, update web.1',
    )
    expect(found.actions[1]?.reason).toBe('network changed')
  })
  test('plan() keeps a network that an orphan is still on', () => {
    check('web:', 'web.1, old.1 running networks=[back], network back', '')
  })
  test('plan() of some services makes only the networks that they need', () => {
    check(
      'web: { networks: [front] }, db: { networks: [back] }',
      '',
      'create-network front, create web.1, start web.1',
      { services: ['web'] },
    )
  })
  test('plan() of some services leaves the changed networks of others alone', () => {
    check('web:, db: { networks: [back] }', 'web.1, db.1, network back internal', '', {
      services: ['web'],
    })
  })
  test('plan() leaves an external network alone', () => {
    const desired = desiredOf('web: { networks: [lan] }')
    const external = desired.networks.map((each) => ({ ...each, external: true }))
    const request = { desired: { ...desired, networks: external }, now: 0 }
    const kinds = plan({ ...request, observed: observedOf('') }).actions.map(({ kind }) => kind)
    expect(kinds).toEqual(['create-container', 'start-container'])
  })
})

describe('plan() of volumes', () => {
  test('plan() keeps a volume that the file no longer has, and says so', () => {
    const found = check('web:', 'web.1, volume data', '')
    expect(found.notes).toEqual([
      'Volume "data" is no longer in the stack file; it is kept with its data',
    ])
  })
  test('plan() never replaces a volume that differs', () => {
    const found = check('web: { volumes: ["data:/d"] }', 'web.1, volume data nfs', '')
    expect(found.notes).toEqual([
      'Volume "data" differs from the stack file in driver; it is kept as it is, ' +
        'because to create it anew would lose its data; "up --yes" does so',
    ])
  })
  test('plan() replaces one that differs when that is agreed to, its users stopped', () => {
    check(
      'web: { volumes: ["data:/d"] }, db: { volumes: ["data:/d"] }, other:',
      'web.1, db.1 stopped, other.1, volume data nfs',
      'stop web.1, remove-volume data, create-volume data, start db.1, start web.1',
      { recreateVolumes: true },
    )
    const created = { recreateVolumes: true, noStart: true }
    check('web: { volumes: ["data:/d"] }', 'web.1, volume data nfs', '', created)
  })
  test('plan() makes a lost volume again and restarts those on it', () => {
    check('web: { volumes: ["data:/d"] }', 'web.1', 'stop web.1, create-volume data, start web.1')
  })
})
