/** Takes the marks of `!reset` and `!override` out of a tree once they have done their work. */
import { mapEntries, type Node } from '../tree/node.ts'

export function withoutMarks(node: Node): Node {
  if (node.kind === 'map') {
    const map = mapEntries(node, ({ value }) =>
      value.kind === 'reset' ? undefined : withoutMarks(value),
    )
    return map.override === true ? { ...map, override: undefined } : map
  }
  if (node.kind === 'list') {
    const items = node.items.filter((item) => item.kind !== 'reset').map(withoutMarks)
    const same =
      items.length === node.items.length && items.every((item, index) => item === node.items[index])
    if (same && node.override !== true) return node
    return { ...node, items, override: undefined }
  }
  return node.override === true ? { ...node, override: undefined } : node
}
