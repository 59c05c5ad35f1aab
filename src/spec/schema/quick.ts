/**
 * A test for trees that is made from the zod schema: it says whether all is well, and allocates
 * nothing. Most files are well; zod itself looks at the others, and says what is wrong.
 */
import type { core } from 'zod'
import type { ListNode, MapNode, Node, ScalarNode } from '../tree/node.ts'
import { isUnique } from './kinds.ts'
import { checkable } from './checkable.ts'

/** True: zod accepts the node, but for keys that begin with `x-`. False: it may not. */
export type Test = (node: Node) => boolean

const TESTS = new WeakMap<core.$ZodType, Test>()

/** The test of a schema; of a kind of schema that is unknown here, one that never says yes. */
export function quickTest(schema: core.$ZodType): Test {
  const known = TESTS.get(schema)
  if (known !== undefined) return known
  const test = testOf(schema as core.$ZodTypes)
  TESTS.set(schema, test)
  return test
}

function testOf(schema: core.$ZodTypes): Test {
  const { def } = schema._zod
  if (def.type === 'object') return objectTest(def)
  if (def.type === 'record') return recordTest(def)
  if (def.type === 'array') return listTest(def, isUnique(schema))
  if (def.type === 'union') {
    const options = def.options.map((option) => later(option))
    return (node) => options.some((option) => option(node))
  }
  if (def.type === 'optional') return quickTest(def.innerType)
  if (def.type === 'enum') {
    const words = new Set<unknown>(Object.values(def.entries))
    return (node) => isScalar(node, 'string') && words.has(node.value)
  }
  if (def.type === 'string') return textTest(def.checks ?? [])
  if (def.type === 'number') return numberTest(schema)
  if (def.type === 'boolean') return (node) => isScalar(node, 'bool')
  if (def.type === 'null') return (node) => node.kind === 'reset' || isScalar(node, 'null')
  return () => false
}

/** Made when it is first needed: a file uses few of the keys. */
function later(schema: core.$ZodType): Test {
  let test: Test | undefined
  return (node) => (test ??= quickTest(schema))(node)
}

function isScalar(node: Node, type: ScalarNode['type']): node is ScalarNode {
  return node.kind === 'scalar' && node.type === type
}

function objectTest({ shape }: core.$ZodObjectDef): Test {
  const keys = new Map(Object.entries(shape).map(([key, schema]) => [key, later(schema)]))
  const required = Object.entries(shape).flatMap(([key, { _zod }]) =>
    _zod.def.type === 'optional' ? [] : [key],
  )
  const fits = (node: MapNode): boolean => {
    for (const { key, value } of node.entries.values()) {
      const test = keys.get(key)
      if (test === undefined ? !key.startsWith('x-') : !test(value)) return false
    }
    return required.every((key) => node.entries.has(key))
  }
  return (node) => node.kind === 'map' && fits(node)
}

function recordTest({ keyType, valueType }: core.$ZodRecordDef): Test {
  const patterns = patternsOf(keyType._zod.def.checks ?? [])
  const value = later(valueType)
  const fits = (node: MapNode): boolean => {
    for (const entry of node.entries.values()) {
      if (!value(entry.value) || !patterns?.every((shape) => shape.test(entry.key))) return false
    }
    return true
  }
  return (node) => node.kind === 'map' && fits(node)
}

function listTest({ element, checks = [] }: core.$ZodArrayDef, unique: boolean): Test {
  const test = later(element)
  if (checks.length > 0 && !unique) return () => false
  return (node) =>
    node.kind === 'list' && node.items.every(test) && (!unique || !hasDuplicates(node))
}

function hasDuplicates({ items }: ListNode): boolean {
  if (items.length < 2) return false
  return new Set(items.map((item) => JSON.stringify(checkable(item)))).size < items.length
}

function textTest(checks: readonly core.$ZodCheck<string>[]): Test {
  const patterns = patternsOf(checks)
  return (node) =>
    isScalar(node, 'string') &&
    (patterns?.every((shape) => shape.test(String(node.value))) ?? false)
}

/** The patterns that a text must have; undefined when it must have something else. */
function patternsOf(checks: readonly core.$ZodCheck[]): readonly RegExp[] | undefined {
  const patterns = checks.map(({ _zod }) => (_zod.def as { readonly pattern?: RegExp }).pattern)
  return patterns.every((pattern) => pattern !== undefined) ? patterns : undefined
}

function numberTest({ _zod }: core.$ZodType): Test {
  const bounds = (_zod.def.checks ?? []).map((check) => check._zod.def as Bound)
  const own = _zod.def as Bound
  const isWhole = own.format === 'safeint'
  if (own.format !== undefined && !isWhole) return () => false
  return (node) => {
    if (node.kind !== 'scalar' || (node.type !== 'int' && node.type !== 'float')) return false
    const value = checkable(node) as number
    if (isWhole && !Number.isSafeInteger(value)) return false
    return bounds.every((bound) => isWithin(value, bound))
  }
}

interface Bound {
  readonly check?: string
  readonly value?: number
  readonly inclusive?: boolean
  readonly format?: string
}

function isWithin(value: number, { check, value: bound = 0, inclusive, format }: Bound): boolean {
  if (check === 'greater_than') return value > bound || (inclusive === true && value === bound)
  if (check === 'less_than') return value < bound || (inclusive === true && value === bound)
  return check === 'number_format' && format === 'safeint'
}
