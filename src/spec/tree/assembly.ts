/**
 * What makes values of a document out of its parts: keys into mappings, `<<`, anchors and aliases.
 */
import { positionOf } from '../diagnostics/position.ts'
import type { Finding } from '../diagnostics/report.ts'
import type { Entry, Node, Place, Source } from './node.ts'

/**
 * Nodes that one file may stand for once its aliases are followed: a bomb has thousands of
 * millions.
 */
const EXPANDED_NODES_MAX = 1_000_000

export class Assembly {
  readonly #source: Source
  readonly #error: (finding: Finding) => void
  readonly #anchors = new Map<string, Node>()
  readonly #sizes = new WeakMap<Node, number>()
  #expanded = 0

  constructor(source: Source, error: (finding: Finding) => void) {
    this.#source = source
    this.#error = error
  }

  /** Adds the entry unless its key is there already, which is an error. */
  addEntry(entries: Map<string, Entry>, entry: Entry): void {
    const earlier = entries.get(entry.key)
    if (earlier === undefined) {
      entries.set(entry.key, entry)
      return
    }
    const { line } = positionOf(this.#source, earlier.keyPlace.start)
    this.#error({
      rule: 'duplicate-key',
      place: entry.keyPlace,
      message:
        `Cannot use the key "${entry.key}" twice in one mapping: ` +
        `it is already defined on line ${line}`,
    })
  }

  /** `<<`: keys of the mapping itself win, and of several merged ones the first. */
  mergeInto(entries: Map<string, Entry>, value: Node): void {
    for (const merged of value.kind === 'list' ? value.items : [value]) {
      if (merged.kind === 'map') {
        for (const entry of merged.entries.values()) {
          if (!entries.has(entry.key)) entries.set(entry.key, entry)
        }
      } else if (merged.kind !== 'reset') {
        this.#error({
          rule: 'yaml-merge',
          place: merged.place,
          message: 'Cannot merge with "<<": the value is no mapping; use an alias of a mapping',
        })
      }
    }
  }

  define(anchor: string, node: Node): void {
    this.#anchors.set(anchor, node)
  }

  /** What the alias at `place` stands for; null, and an error, when it stands for nothing. */
  follow(name: string, place: Place): Node {
    const node = this.#anchors.get(name)
    if (node === undefined) {
      const message = `Cannot follow the alias "*${name}": no anchor "&${name}" comes before it`
      this.#error({ rule: 'yaml-alias', place, message })
      return { kind: 'scalar', type: 'null', value: null, place }
    }
    this.#expanded += this.#sizeOf(node)
    if (this.#expanded <= EXPANDED_NODES_MAX) return node
    this.#error({
      rule: 'yaml-alias-bomb',
      place,
      message:
        `Cannot follow the alias "*${name}": ` +
        `the file would grow to more than ${EXPANDED_NODES_MAX} values`,
    })
    return { kind: 'scalar', type: 'null', value: null, place }
  }

  /** Nodes of a tree with every alias followed. */
  #sizeOf(node: Node): number {
    const known = this.#sizes.get(node)
    if (known !== undefined) return known
    let size = 1
    if (node.kind === 'list') for (const item of node.items) size += this.#sizeOf(item)
    if (node.kind === 'map') {
      for (const { value } of node.entries.values()) size += this.#sizeOf(value)
    }
    this.#sizes.set(node, size)
    return size
  }
}
