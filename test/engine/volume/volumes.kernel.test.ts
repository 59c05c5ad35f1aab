/** Volumes outlive containers and crashes, and belong to the stack that made them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LiveContainer, Machine } from '../../../src/engine/machine.ts'
import { openPaths } from '../../../src/engine/paths.ts'
import type { ContainerRecord } from '../../../src/engine/records/container.ts'
import {
  createVolume,
  observeVolumes,
  openVolume,
  removeAnonymousVolumes,
  removeVolume,
  volumeData,
} from '../../../src/engine/volume/volumes.ts'
import type { VolumeSpec } from '../../../src/planner/index.ts'

let root = ''
let machine: Machine
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsstack-volumes-'))
  const paths = openPaths({ stateDirectory: join(root, 'state'), runDirectory: join(root, 'run') })
  machine = { paths, containers: new Map(), plans: new Set() } as unknown as Machine
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const spec = (name: string, more: Partial<VolumeSpec> = {}): VolumeSpec => ({
  key: 'data',
  name,
  external: false,
  driver: 'local',
  driverOptions: {},
  labels: { purpose: 'test' },
  ...more,
})
const names = (stack = 'shop') => observeVolumes(machine, stack).map(({ spec }) => spec.name)
const volumes = () => readdirSync(join(machine.paths.state, 'volumes'))
const record = (volume: string, anonymous: boolean) =>
  ({
    name: 'shop-web-1',
    stack: 'shop',
    spec: { mounts: [{ kind: 'volume', volume, anonymous, target: '/data' }] },
  }) as unknown as ContainerRecord

test('createVolume() makes a directory that others cannot enter, and says whose it is', () => {
  createVolume(machine, 'shop', spec('shop_data'))
  const path = volumeData(machine.paths, 'shop_data')
  expect(observeVolumes(machine, 'shop')).toEqual([{ spec: spec('shop_data'), path }])
  expect(names('other')).toEqual([])
  expect(statSync(path).mode & 0o777).toBe(0o755)
  expect(statSync(join(machine.paths.state, 'volumes')).mode & 0o777).toBe(0o700)
})

test('createVolume() keeps the data of one that exists', () => {
  createVolume(machine, 'shop', spec('shop_data'))
  writeFileSync(join(volumeData(machine.paths, 'shop_data'), 'kept'), '')
  createVolume(machine, 'shop', spec('shop_data', { labels: {} }))
  expect(readdirSync(volumeData(machine.paths, 'shop_data'))).toEqual(['kept'])
})

test('createVolume() completes one that a crash left half made', () => {
  mkdirSync(join(machine.paths.state, 'volumes/shop_data'))
  createVolume(machine, 'shop', spec('shop_data'))
  expect(names()).toEqual(['shop_data'])
})

test('createVolume() refuses an unknown driver', () => {
  expect(() => createVolume(machine, 'shop', spec('shop_data', { driver: 'ceph' }))).toThrow(
    'Cannot create volume "shop_data": its driver "ceph" is unknown',
  )
})

test('removeVolume() leaves nothing, and succeeds for one that is gone', () => {
  createVolume(machine, 'shop', spec('shop_data'))
  writeFileSync(join(volumeData(machine.paths, 'shop_data'), 'file'), '')
  removeVolume(machine, 'shop', spec('shop_data'))
  removeVolume(machine, 'shop', spec('shop_data'))
  expect(volumes()).toEqual([])
})

test('removeVolume() leaves one that a container of another stack mounts', () => {
  createVolume(machine, 'shop', spec('shop_data'))
  const guest = { ...record('shop_data', false), name: 'guest-web-1', stack: 'guest' }
  machine.containers.set(guest.name, { record: guest } as LiveContainer)
  expect(() => removeVolume(machine, 'shop', spec('shop_data'))).toThrow(
    'container "guest-web-1" of stack "guest" mounts it; take that one down first',
  )
  expect(names()).toEqual(['shop_data'])
  machine.containers.delete(guest.name)
  removeVolume(machine, 'shop', spec('shop_data'))
  expect(volumes()).toEqual([])
})

test('a removal that crashed half-way is neither seen nor in the way, and is finished', () => {
  createVolume(machine, 'shop', spec('shop_data'))
  const doomed = join(machine.paths.state, 'volumes/.removed-shop_data')
  mkdirSync(join(doomed, 'data'), { recursive: true })
  writeFileSync(join(doomed, 'volume.json'), JSON.stringify({ stack: 'shop', spec: spec('gone') }))
  expect(names()).toEqual(['shop_data'])
  removeVolume(machine, 'shop', spec('shop_data'))
  expect(volumes()).toEqual([])
})

test.each(['..', '../state', 'a/b', '', '.removed-x'])('the name "%s" leads nowhere', (name) => {
  const before = readdirSync(machine.paths.state)
  expect(() => createVolume(machine, 'shop', spec(name))).toThrow('that is no name of a volume')
  expect(() => removeVolume(machine, 'shop', spec(name))).toThrow('that is no name of a volume')
  expect(readdirSync(machine.paths.state)).toEqual(before)
})

test('openVolume() makes an anonymous volume, which goes with its container', () => {
  const owner = record('shop-web-1@srv_a=3d=b', true)
  const path = openVolume(machine, owner, { name: 'shop-web-1@srv_a=3d=b', anonymous: true })
  expect(existsSync(path)).toBe(true)
  machine.containers.set(owner.name, { record: owner } as LiveContainer)
  expect(names()).toEqual([])
  // One whose container no longer mounts it is the stack's, so that "down -v" finds it.
  machine.containers.clear()
  expect(names()).toEqual(['shop-web-1@srv_a=3d=b'])
  removeAnonymousVolumes(machine, owner)
  expect(volumes()).toEqual([])
})

test('openVolume() of a volume that is not there names it', () => {
  expect(() =>
    openVolume(machine, record('ext', false), { name: 'ext', anonymous: false }),
  ).toThrow('Cannot mount volume "ext" in "shop-web-1": it does not exist')
})
