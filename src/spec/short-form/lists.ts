/** Short forms that are a matter of brackets: a string for a list, a list for a mapping. */
import { asMapping, keyValues } from '../merge/forms.ts'
import { isString, list, type Node, nothing, text } from '../tree/node.ts'
import { scalarText } from '../tree/plain.ts'
import type { FormContext } from './canonical.ts'

/** `dns: 1.1.1.1` is `dns: [1.1.1.1]`. */
export function listOfOne(node: Node): Node {
  return isString(node) ? list([node], node) : node
}

/** `networks: [front]` is `networks: { front: }`. */
export function mappingOfNames(node: Node): Node {
  return asMapping(node, nothing) ?? node
}

/** `provenance: true` is `provenance: "true"`. */
export function scalarAsText(node: Node): Node {
  return node.kind === 'scalar' ? text(scalarText(node), node) : node
}

/** `["name=value"]` is `{ name: value }`; here a value is a must. */
export function keyValueMapping(node: Node, { report, lenient }: FormContext): Node {
  if (node.kind === 'map' && node.listed === true) return { ...node, listed: undefined }
  if (node.kind !== 'list') return node
  for (const item of node.items) {
    if (!isString(item) || item.value.includes('=') || lenient) continue
    report.error({
      rule: 'invalid-value',
      place: item.place,
      message: `Cannot use "${item.value}" here: it needs the form name=value`,
    })
  }
  if (lenient && node.items.some((item) => isString(item) && !item.value.includes('='))) return node
  return keyValues(node) ?? node
}
