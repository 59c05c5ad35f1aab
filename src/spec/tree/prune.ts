/** Takes what is wrong out of a tree, so that the rest of it can be looked at too. */
import { mapEntries, type MapNode, type Node } from './node.ts'

type Path = readonly (string | number)[]

/** What goes below a node, by key or position; a cut that `isWhole` takes the node itself. */
interface Cut {
  isWhole: boolean
  readonly below: Map<string, Cut>
}

/** The tree without the nodes at the paths, in one walk, for there may be thousands. */
export function prune(tree: MapNode, paths: readonly Path[]): MapNode {
  const all: Cut = { isWhole: false, below: new Map() }
  for (const path of paths) {
    let at = all
    for (const part of path) at = cutBelow(at, String(part))
    at.isWhole = true
  }
  return without(tree, all) as MapNode
}

function cutBelow({ below }: Cut, part: string): Cut {
  const known = below.get(part)
  if (known !== undefined) return known
  const cut: Cut = { isWhole: false, below: new Map() }
  below.set(part, cut)
  return cut
}

function without(node: Node, { below }: Cut): Node {
  if (node.kind === 'map') return mapEntries(node, ({ key, value }) => left(value, below.get(key)))
  if (node.kind !== 'list') return node
  const items = node.items.flatMap((item, index) => left(item, below.get(String(index))) ?? [])
  return { ...node, items }
}

function left(node: Node, cut: Cut | undefined): Node | undefined {
  if (cut === undefined) return node
  return cut.isWhole ? undefined : without(node, cut)
}
