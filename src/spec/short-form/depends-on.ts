/** `depends_on: [db]`, and the defaults of its long form. */
import { asMapping } from '../merge/forms.ts'
import { boolean, get, map, mapEntries, type Node, text, withEntry } from '../tree/node.ts'

export function longDependsOn(node: Node): Node {
  const mapping = asMapping(node, (item) => map({}, item))
  if (mapping === undefined) return node
  return mapEntries(mapping, ({ value, keyPlace }) => {
    if (value.kind !== 'map') return value
    let result = value
    const from = { place: keyPlace }
    if (get(result, 'condition') === undefined) {
      result = withEntry(result, 'condition', text('service_started', from))
    }
    if (get(result, 'required') === undefined) {
      result = withEntry(result, 'required', boolean(true, from))
    }
    return result
  })
}
