/** Turns a tree into plain JSON values, and scalars into text as Docker Compose writes them. */
import { decimalText, wholeText } from '../units/number.ts'
import { timeText } from '../units/time.ts'
import type { Node, ScalarNode } from './node.ts'

export type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [key: string]: Plain }

/**
 * Plain values of a tree. Objects have no prototype, so a key such as `__proto__` is only a key.
 */
export function toPlain(node: Node): Plain {
  if (node.kind === 'scalar')
    return node.type === 'time' ? timeText(String(node.value)) : node.value
  if (node.kind === 'list') return node.items.map(toPlain)
  if (node.kind === 'reset') return null
  const object = emptyObject<Plain>()
  for (const { key, value } of node.entries.values()) object[key] = toPlain(value)
  return object
}

/**
 * Text of a scalar: numbers in their shortest form (`1e+10` for ten thousand million), null as ''.
 */
export function scalarText(node: ScalarNode): string {
  if (node.value === null) return ''
  if (node.type === 'int') return node.digits ?? wholeText(Number(node.value))
  if (node.type === 'float') return decimalText(Number(node.value))
  return String(node.value)
}

/** A new object without a prototype, so that no key means anything but itself. */
export function emptyObject<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>
}

/** As `Object.fromEntries`, without a prototype. */
export function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const object = emptyObject<T>()
  for (const [key, value] of entries) object[key] = value
  return object
}
