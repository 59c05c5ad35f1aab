import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  dictionary,
  double,
  integer,
  letrec,
  oneof,
  property,
} from '../support/random.ts'
import { expect, test } from 'vitest'
import type * as z from 'zod'
import { Report } from '../../src/spec/diagnostics/report.ts'
import { checkable } from '../../src/spec/schema/checkable.ts'
import {
  atLeast,
  between,
  either,
  fixed,
  named,
  oneOf,
  strictFlag,
  text,
  unique,
} from '../../src/spec/schema/kinds.ts'
import { stackSchema } from '../../src/spec/schema/stack.ts'
import type { Node } from '../../src/spec/tree/node.ts'
import { parseYaml } from '../../src/spec/tree/parse.ts'

function nodeOf(text: string): Node {
  const [node] = parseYaml({ path: '/a', name: 'a', text }, new Report())
  if (node === undefined) throw new Error('no document')
  return node
}

const SERVICE = [
  '{image: a, ports: [80, "81:81"], environment: {A: 1, B: null, C: true}}',
  '{image: a, ports: [80, 80]}',
  '{image: a, cap_add: [A, A]}',
  '{image: a, cpu_percent: 101}',
  '{image: a, cpu_percent: 100, oom_score_adj: -1000}',
  '{image: a, scale: 1.5}',
  '{image: a, scale: 1e3}',
  '{image: a, scale: 1e21, cpus: 1e21}',
  '{image: a, cpus: .inf, scale: 0x7fffffffffffffff}',
  '{image: 2020-01-01}',
  '{image: a, depends_on: {b: {condition: service_started}}}',
  '{image: a, depends_on: {b: {}}}',
  '{image: a, depends_on: {"b c": {condition: service_started}}}',
  '{image: a, healthcheck: {test: [CMD, a], retries: "3"}}',
  '{image: a, healthcheck: {tests: a}}',
  '{image: a, deploy: null, networks: {a: null}, pull_policy: always}',
  '{image: a, pull_policy: x}',
  '{image: a, ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}}',
  '{image: a, ulimits: {nofile: {soft: 1}}}',
  '{image: a, volumes: [{type: bind, source: /a, target: /b}, {type: bind, source: /a, target: /b}]}',
  '{__proto__: 1}',
  '[]',
  'null',
]

test.each(SERVICE)('fits() of %s says what zod says', (service) => {
  const node = nodeOf(`services: {a: ${service}}`)
  expect(stackSchema.fits(node)).toBe(stackSchema.zod.safeParse(checkable(node)).success)
})

test('fits() says what zod says of any keys with any values', { timeout: 60_000 }, () => {
  const keys = Object.keys(
    (
      stackSchema.zod as z.ZodObject<{
        services: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodObject>>
      }>
    ).shape.services.unwrap().valueType.shape,
  )
  const scalar = oneof(
    constantFrom('a', '', 'always', 'host', 'all', 'z'),
    integer({ min: -2000, max: 2000 }),
    double({ noNaN: true }),
    boolean(),
    constant(null),
  )
  const { value } = letrec((tie) => ({
    value: oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      array(tie('value'), { maxLength: 3 }),
      dictionary(constantFrom('condition', 'source', 'target', 'a', 'soft'), tie('value'), {
        maxKeys: 3,
      }),
    ),
  }))
  const services = dictionary(
    constantFrom('a', 'b c', '__proto__'),
    dictionary(constantFrom(...keys), value, { maxKeys: 3 }),
    { maxKeys: 2 },
  )
  assert(
    property(services, (stack) => {
      const node = nodeOf(JSON.stringify({ services: stack }))
      expect(stackSchema.fits(node)).toBe(stackSchema.zod.safeParse(checkable(node)).success)
    }),
    { numRuns: 500 },
  )
})

test('fits() of every building block says what zod says', () => {
  const flag = either(strictFlag, text)
  const schema = fixed(
    { a: either(between(1, 2), unique(named(flag))), b: atLeast(3), c: oneOf('d', 'e') },
    ['a'],
  )
  const nodes: Readonly<Record<string, boolean>> = {
    '{a: 2, x-b: 1}': true,
    '{a: 3}': false,
    '{b: 3}': false,
    '{a: [{}, {}]}': false,
    '{a: [{}, {c: yes}], b: 3}': true,
    '{a: [{}, {c: 1}]}': false,
    '{a: 1, b: 2}': false,
    '{a: 1, b: 4, c: e}': true,
    '{a: 1, c: f}': false,
  }
  for (const [text, isGood] of Object.entries(nodes)) {
    const node = nodeOf(text)
    expect([text, schema.fits(node)]).toEqual([text, isGood])
    const own = nodeOf(text.replace(', x-b: 1', ''))
    expect([text, schema.zod.safeParse(checkable(own)).success]).toEqual([text, isGood])
  }
})
