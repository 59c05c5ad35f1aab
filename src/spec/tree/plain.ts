/** Turns a tree into plain JSON values, and scalars into text as Docker Compose writes them. */
import { decimalText } from '../units/number.ts'
import type { Node, ScalarNode } from './node.ts'

export type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [key: string]: Plain }

/** Plain values of a tree. Objects have no prototype, so a key such as `__proto__` is only a key. */
export function toPlain(node: Node): Plain {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'list':
      return node.items.map(toPlain)
    case 'map': {
      const object: Record<string, Plain> = Object.create(null) as Record<string, Plain>
      for (const entry of node.entries.values()) object[entry.key] = toPlain(entry.value)
      return object
    }
    case 'reset':
      return null
  }
}

/** Text of a scalar: numbers in their shortest form (`1e+10` for ten thousand million), null as ''. */
export function scalarText(node: ScalarNode): string {
  if (node.value === null) return ''
  if (node.type === 'int') return String(BigInt(node.value as number))
  if (node.type === 'float') return decimalText(node.value as number)
  return String(node.value)
}
