/** Takes what is wrong out of a tree, so that the rest of it can be looked at too. */
import { type ListNode, type MapNode, type Node, withEntry, withoutEntry } from './node.ts'

type Path = readonly (string | number)[]

/** The tree without the nodes at the paths. List positions are those of the given tree. */
export function prune(tree: MapNode, paths: readonly Path[]): MapNode {
  // Later items first, so that the positions of the others stay.
  const ordered = [...paths].sort(laterFirst)
  return ordered.reduce((result, path) => removeAt(result, path) as MapNode, tree)
}

function laterFirst(a: Path, b: Path): number {
  for (const [index, part] of a.entries()) {
    const other = b[index]
    if (part === other) continue
    if (typeof part === 'number' && typeof other === 'number') return other - part
    return 0
  }
  return 0
}

function removeAt(node: Node, path: Path): Node {
  const [part, ...rest] = path
  if (part === undefined) return node
  if (node.kind === 'map') return removeEntry(node, String(part), rest)
  return node.kind === 'list' ? removeItem(node, Number(part), rest) : node
}

function removeEntry(node: MapNode, key: string, rest: Path): Node {
  const value = node.entries.get(key)?.value
  if (value === undefined) return node
  return rest.length === 0 ? withoutEntry(node, key) : withEntry(node, key, removeAt(value, rest))
}

function removeItem(node: ListNode, index: number, rest: Path): Node {
  const item = node.items[index]
  if (item === undefined) return node
  const items =
    rest.length === 0
      ? node.items.toSpliced(index, 1)
      : node.items.with(index, removeAt(item, rest))
  return { ...node, items }
}
