/** Finds the text of a path in a tree. */
import type { Entry, Node, Place } from './node.ts'

type Path = readonly (string | number)[]

/** Place of the key or the value at the path; when there is none, of the nearest thing above. */
export function locate(tree: Node, path: Path, what: 'key' | 'value' = 'value'): Place {
  let node = tree
  let { place } = tree
  for (const [index, part] of path.entries()) {
    const isLast = index === path.length - 1
    if (node.kind === 'map') {
      const entry = node.entries.get(String(part))
      if (entry === undefined) return place
      place = isLast && what === 'value' ? valuePlace(entry) : entry.keyPlace
      node = entry.value
      continue
    }
    const item = childOf(node, part)
    if (item === undefined) return place
    node = item
    place = item.place
  }
  return place
}

/** A collection, or nothing, is shown by its key. */
function valuePlace({ keyPlace, value }: Entry): Place {
  return value.kind === 'scalar' && value.place.end > value.place.start ? value.place : keyPlace
}

/** The node at a path. */
export function nodeAt(tree: Node, path: Path): Node | undefined {
  let node: Node | undefined = tree
  for (const part of path) node = node === undefined ? undefined : childOf(node, part)
  return node
}

function childOf(node: Node, part: string | number): Node | undefined {
  if (node.kind === 'map') return node.entries.get(String(part))?.value
  return node.kind === 'list' ? node.items[Number(part)] : undefined
}
