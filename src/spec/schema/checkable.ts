/**
 * Plain values as the schema is to see them: a date is nothing it knows, and every number is in
 * range.
 */
import type { Node, ScalarNode } from '../tree/node.ts'
import { emptyObject } from '../tree/plain.ts'

export function checkable(node: Node): unknown {
  if (node.kind === 'scalar') return checkableScalar(node)
  if (node.kind === 'list') return node.items.map(checkable)
  if (node.kind === 'reset') return null
  const object = emptyObject<unknown>()
  for (const { key, value } of node.entries.values()) {
    object[key === '__proto__' ? PROTO : key] = checkable(value)
  }
  return object
}

function checkableScalar({ type, value }: ScalarNode): unknown {
  if (type === 'time') return DATE
  if (type === 'float' && !Number.isFinite(value)) return 0.5
  return type === 'int' && !Number.isSafeInteger(value) ? Number.MAX_SAFE_INTEGER : value
}

const DATE = Symbol('date')

/** Stands for the key `__proto__`, over which zod goes without a look. */
const PROTO = '.__proto__.'

export function written(key: string | number): string | number {
  return key === PROTO ? '__proto__' : key
}
