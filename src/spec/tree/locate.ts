/** Finds the text of a path in a tree. */
import type { Node, Place } from './node.ts'

/** Place of the key or the value at the path; when there is none, of the nearest thing above. */
export function locate(
  tree: Node,
  path: readonly (string | number)[],
  what: 'key' | 'value' = 'value',
): Place {
  let node = tree
  let { place } = tree
  for (const [index, part] of path.entries()) {
    if (node.kind === 'map') {
      const entry = node.entries.get(String(part))
      if (entry === undefined) return place
      const last = index === path.length - 1
      place =
        last &&
        what === 'value' &&
        entry.value.kind === 'scalar' &&
        entry.value.place.end > entry.value.place.start
          ? entry.value.place
          : entry.keyPlace
      if (
        last &&
        what === 'value' &&
        entry.value.kind === 'scalar' &&
        entry.value.type !== 'null'
      ) {
        place = entry.value.place
      }
      node = entry.value
    } else if (node.kind === 'list') {
      const item = node.items[Number(part)]
      if (item === undefined) return place
      node = item
      place = item.place
    } else {
      return place
    }
  }
  return place
}

/** The node at a path. */
export function nodeAt(tree: Node, path: readonly (string | number)[]): Node | undefined {
  let node: Node | undefined = tree
  for (const part of path) {
    if (node?.kind === 'map') node = node.entries.get(String(part))?.value
    else if (node?.kind === 'list') node = node.items[Number(part)]
    else return undefined
  }
  return node
}
