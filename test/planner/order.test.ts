import { expect, test } from 'vitest'
import { didYouMean } from '../../src/planner/did-you-mean.ts'
import {
  closure,
  dependencyGraph,
  inStartOrder,
  nearest,
  reversed,
  type Graph,
} from '../../src/planner/order.ts'
import { desiredOf } from './world.ts'

function graph(preferred: string, others = ''): Graph {
  return dependencyGraph(desiredOf(preferred).containers, desiredOf(others).containers)
}

/** `a > b c; b`: each service and what it needs. */
function textOf(edges: Graph): string {
  return [...edges]
    .map(([from, to]) => [from, ...(to.length > 0 ? ['>', ...to] : [])].join(' '))
    .join('; ')
}

const CHAIN = 'c:, a: { depends_on: [b] }, b: { depends_on: [c] }'

test('dependencyGraph() takes depends_on and shared networks', () => {
  expect(textOf(graph('a: { depends_on: [c], network_mode: "service:b" }, b:, c:'))).toBe(
    'a > b c; b; c',
  )
})

test('dependencyGraph() drops what nobody has, and what needs itself', () => {
  expect(textOf(graph('a: { depends_on: [a, ghost] }'))).toBe('a')
})

test('dependencyGraph() drops the edge that closes a cycle, always the same one', () => {
  const [one, two] = ['a: { depends_on: [b] }', 'b: { depends_on: [a] }']
  expect(textOf(graph(`${one}, ${two}`))).toBe('a > b; b')
  expect(textOf(graph(`${two}, ${one}`))).toBe('a > b; b')
})

test('dependencyGraph() takes others for services that the preferred have not', () => {
  expect(textOf(graph('a:', 'a: { depends_on: [b] }, b: { depends_on: [a] }'))).toBe('a; b > a')
})

test('dependencyGraph() drops an edge of the others rather than one of the preferred', () => {
  expect(textOf(graph('b: { depends_on: [a] }', 'a: { depends_on: [b] }'))).toBe('a; b > a')
})

test('inStartOrder() has each service after those it needs, ties by name', () => {
  expect(inStartOrder(graph(CHAIN))).toEqual(['c', 'b', 'a'])
  expect(inStartOrder(graph('z:, a:, m: { depends_on: [z] }'))).toEqual(['a', 'z', 'm'])
})

test('reversed() turns every edge', () => {
  expect(textOf(reversed(graph(CHAIN)))).toBe('a; b > a; c > b')
})

test('closure() reaches everything that is needed', () => {
  expect([...closure(graph(CHAIN), ['b'])]).toEqual(['b', 'c'])
})

test('nearest() looks through what it does not take, and stops at what it takes', () => {
  const edges = graph(CHAIN)
  expect(nearest(edges, 'a', (each) => each === 'c')).toEqual(['c'])
  expect(nearest(edges, 'a', () => true)).toEqual(['b'])
})

test.each([
  ['wbe', 'web'],
  ['wb', 'web'],
  ['webb', 'web'],
  ['databse', 'database'],
  ['zzz', undefined],
  ['', undefined],
])('didYouMean(%j) is %j', (typed, expected) => {
  expect(didYouMean(typed, ['web', 'database', 'worker'])).toBe(expected)
})
