import { expect, test } from 'vitest'
import {
  diffSpec,
  type ContainerSpec,
  type MountSpec,
  type PortSpec,
} from '../../src/planner/index.ts'
import { specOf } from './world.ts'

/** `path: before → after`, one line per field. */
function diff(before: Partial<ContainerSpec>, after: Partial<ContainerSpec>): string[] {
  return diffSpec(specOf(before), specOf(after)).map(
    (each) => `${each.path}: ${JSON.stringify(each.before)} → ${JSON.stringify(each.after)}`,
  )
}

function mount(target: string, readOnly = false): MountSpec {
  return { kind: 'volume', volume: 'v', anonymous: false, target, readOnly, nocopy: false }
}

function port(first: number, protocol: 'tcp' | 'udp' = 'tcp'): PortSpec {
  return { published: { first, last: first }, target: 53, protocol }
}

test('diffSpec() of equal specs is empty', () => {
  expect(diff({}, {})).toEqual([])
})

test('diffSpec() does not depend on the order of keys', () => {
  expect(diff({ labels: { a: '1', b: '2' } }, { labels: { b: '2', a: '1' } })).toEqual([])
})

test('diffSpec() treats absent and undefined alike', () => {
  expect(diffSpec({ a: undefined }, {})).toEqual([])
})

test('diffSpec() names nested fields by path, sorted', () => {
  expect(
    diff(
      { resources: { cpus: 1 }, image: 'a' },
      { resources: { memoryBytesMax: 64, cpus: 2 }, image: 'b' },
    ),
  ).toEqual([
    'image: "a" → "b"',
    'resources.cpus: 1 → 2',
    'resources.memoryBytesMax: undefined → 64',
  ])
})

test('diffSpec() treats a command as one field', () => {
  expect(diff({ command: ['a', 'b'] }, { command: ['a', 'c'] })).toEqual([
    'command: ["a","b"] → ["a","c"]',
  ])
})

test('diffSpec() tells an empty command from none', () => {
  expect(diff({}, { command: [] })).toEqual(['command: undefined → []'])
})

test('diffSpec() matches mounts by target', () => {
  expect(diff({ mounts: [mount('/a'), mount('/b')] }, { mounts: [mount('/b', true)] })).toEqual([
    `mounts[/a]: ${JSON.stringify(mount('/a'))} → undefined`,
    'mounts[/b].readOnly: false → true',
  ])
})

test('diffSpec() does not depend on the order of mounts', () => {
  const mounts = [mount('/a'), mount('/b')]
  expect(diff({ mounts }, { mounts: mounts.toReversed() })).toEqual([])
})

test('diffSpec() matches ports by number and protocol', () => {
  const before = [port(1), port(2, 'udp')]
  expect(diff({ ports: before }, { ports: [port(2, 'udp'), port(3)] })).toEqual([
    'ports[53/tcp].published.first: 1 → 3',
    'ports[53/tcp].published.last: 1 → 3',
  ])
})

test('diffSpec() sees a second publication of the same port', () => {
  expect(diff({ ports: [port(1)] }, { ports: [port(1), port(2)] })).toHaveLength(1)
})

test('diffSpec() shows a change of kind with what comes along', () => {
  expect(
    diff({ network: { kind: 'none' } }, { network: { kind: 'networks', attachments: [] } }),
  ).toEqual(['network.attachments: undefined → []', 'network.kind: "none" → "networks"'])
})

test('diffSpec() quotes keys that are no words', () => {
  expect(diff({}, { labels: { 'com.example.a': '1' } })).toEqual([
    'labels["com.example.a"]: undefined → "1"',
  ])
})

test.each(['constructor', '__proto__', 'toString'])(
  'diffSpec() sees a variable named %s',
  (name) => {
    const environment = Object.fromEntries([[name, 'x']])
    expect(diff({}, { environment })).toEqual([`environment.${name}: undefined → "x"`])
  },
)
