/** Isolated instances: what a copy of a stack has of its own. */
import { expect, test } from 'vitest'
import { asInstance, desire, portBlock } from '../../src/planner/index.ts'
import { SOURCE, stackOf } from './stack.ts'

const SERVICES =
  'web: { ports: [{ target: 80, published: "8080" }, { target: 81, published: "9000-9001" }], ' +
  'volumes: [{ type: volume, source: data, target: /data }] }, ' +
  'db: { container_name: the-db, ports: [{ target: 5432, published: "5432" }, { target: 9 }] }'

function instance(name: string) {
  const stack = stackOf(SERVICES, {
    volumes: { data: { name: 'shared' }, kept: { name: 'outside', external: true } },
  })
  return asInstance(desire({ ...stack, name: `shop-${name}` }, SOURCE), name)
}

test('published ports move into the block of the instance, in their order; free ones stay free', () => {
  const { containers } = instance('mine')
  const first = portBlock('shop-mine')
  const published = containers.map(({ service, spec }) => [
    service,
    spec.ports.map((port) => port.published),
  ])
  expect(Object.fromEntries(published)).toEqual({
    db: [undefined, { first, last: first }],
    web: [
      { first: first + 1, last: first + 1 },
      { first: first + 2, last: first + 3 },
    ],
  })
})

test('names that the file fixes are its own as well, but for external ones', () => {
  const { containers, volumes } = instance('mine')
  expect(containers.map(({ name }) => name)).toEqual(['the-db-mine', 'shop-mine-web-1'])
  expect(volumes.map(({ name }) => name)).toEqual(['shared-mine', 'outside'])
  const [mount] = containers.flatMap(({ spec }) => spec.mounts)
  expect(mount).toMatchObject({ volume: 'shared-mine' })
})

test('portBlock() is stable, inside its range, and differs between instances', () => {
  const blocks = Array.from({ length: 200 }, (_, at) => portBlock(`shop-${at}`))
  expect(portBlock('shop-mine')).toBe(portBlock('shop-mine'))
  expect(Math.min(...blocks)).toBeGreaterThanOrEqual(10_240)
  expect(Math.max(...blocks)).toBeLessThan(32_768)
  expect(new Set(blocks).size).toBeGreaterThan(170)
})
