/**
 * Tests of trees: each says whether zod accepts a node, but for keys that begin with `x-`, and
 * allocates nothing. Most files are well; zod itself looks at the others, and says what is wrong.
 */
import type { ListNode, MapNode, Node, ScalarNode } from '../tree/node.ts'
import { checkable } from './checkable.ts'

export type Test = (node: Node) => boolean

/** What is tested by something that is made when it is first needed: a file uses few of the keys. */
export interface Tested {
  readonly fits: Test
}

export const isText: Test = (node) => isScalar(node, 'string')
export const isFlag: Test = (node) => isScalar(node, 'bool')
export const isNothing: Test = (node) => node.kind === 'reset' || isScalar(node, 'null')
export const isNumber: Test = (node) => numberOf(node) !== undefined

function isScalar(node: Node, type: ScalarNode['type']): boolean {
  return node.kind === 'scalar' && node.type === type
}

export function wholeNumber(minimum: number = -Infinity, maximum: number = Infinity): Test {
  return (node) => {
    const value = numberOf(node)
    return Number.isSafeInteger(value) && Number(value) >= minimum && Number(value) <= maximum
  }
}

function numberOf(node: Node): number | undefined {
  if (node.kind !== 'scalar' || (node.type !== 'int' && node.type !== 'float')) return undefined
  return checkable(node) as number
}

export function oneOfWords(words: readonly string[]): Test {
  return (node) => node.kind === 'scalar' && isText(node) && words.includes(String(node.value))
}

export function textLike(shape: RegExp): Test {
  return (node) => node.kind === 'scalar' && isText(node) && shape.test(String(node.value))
}

export function anyOf(options: readonly Tested[]): Test {
  return (node) => options.some((option) => option.fits(node))
}

export function mappingOf(
  keys: Readonly<Record<string, Tested>>,
  required: readonly string[],
): Test {
  const known = new Map(Object.entries(keys))
  const fits = (node: MapNode): boolean => {
    for (const { key, value } of node.entries.values()) {
      const schema = known.get(key)
      if (schema === undefined ? !key.startsWith('x-') : !schema.fits(value)) return false
    }
    return required.every((key) => node.entries.has(key))
  }
  return (node) => node.kind === 'map' && fits(node)
}

export function recordOf(value: Tested, shape: RegExp | undefined): Test {
  const fits = (node: MapNode): boolean => {
    for (const entry of node.entries.values()) {
      if (!value.fits(entry.value) || shape?.test(entry.key) === false) return false
    }
    return true
  }
  return (node) => node.kind === 'map' && fits(node)
}

export function itemsOf(item: Tested, { unique }: { readonly unique: boolean }): Test {
  return (node) =>
    node.kind === 'list' &&
    node.items.every((child) => item.fits(child)) &&
    (!unique || !hasDuplicates(node))
}

function hasDuplicates({ items }: ListNode): boolean {
  if (items.length < 2) return false
  return new Set(items.map((item) => JSON.stringify(checkable(item)))).size < items.length
}
