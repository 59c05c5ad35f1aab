/** Makes nodes: meanings of scalars, anchors and aliases, mappings with unique keys and `<<`. */
import { positionOf } from '../diagnostics/position.ts'
import type { Report } from '../diagnostics/report.ts'
import type { Entry, MapNode, Node, Place, Source } from '../tree/node.ts'
import { pathText } from '../tree/path.ts'
import { resolvePlain } from '../tree/scalar.ts'

/** Nodes that one file may stand for once its aliases are followed: a bomb has thousands of millions. */
const EXPANDED_NODES_MAX = 1_000_000

export interface Properties {
  readonly anchor?: string | undefined
  readonly tag?: string | undefined
}

export interface Pair {
  readonly key: Node
  /** The key is `<<` without quotes. */
  readonly isMerge: boolean
  readonly value: Node
}

export class Builder {
  readonly path: (string | number)[] = []
  readonly #source: Source
  readonly #report: Report
  readonly #anchors = new Map<string, Node>()
  readonly #sizes = new WeakMap<Node, number>()
  #expanded = 0

  constructor(source: Source, report: Report) {
    this.#source = source
    this.#report = report
  }

  place(start: number, end: number): Place {
    return { source: this.#source, start, end }
  }

  nothing(at: number): Node {
    return { kind: 'scalar', type: 'null', value: null, place: this.place(at, at) }
  }

  scalar(
    text: string,
    isPlain: boolean,
    { tag, place }: { tag?: string | undefined; place: Place },
  ): Node {
    const typed = tag !== undefined && tag !== '!!str' && tag.startsWith('!!')
    const isText = (!isPlain && !typed) || tag === '!!str' || tag === '!'
    if (isText) return { kind: 'scalar', type: 'string', value: text, place }
    return { kind: 'scalar', ...resolvePlain(text), place }
  }

  /** Gives the node its tag and remembers it under its anchor. */
  finish(node: Node, { anchor, tag }: Properties): Node {
    let result = node
    if (tag === '!reset') result = { kind: 'reset', place: node.place }
    if (tag === '!override') result = { ...node, override: true }
    if (anchor !== undefined) this.#anchors.set(anchor, result)
    return result
  }

  alias(name: string, place: Place): Node {
    const node = this.#anchors.get(name)
    if (node === undefined) {
      const message = `Cannot follow the alias "*${name}": no anchor "&${name}" comes before it`
      this.#report.error({ rule: 'yaml-alias', place, message })
      return this.nothing(place.start)
    }
    this.#expanded += this.#sizeOf(node)
    if (this.#expanded <= EXPANDED_NODES_MAX) return node
    this.#report.error({
      rule: 'yaml-alias-bomb',
      place,
      message: `Cannot follow the alias "*${name}": the file would grow to more than ${EXPANDED_NODES_MAX} values`,
    })
    return this.nothing(place.start)
  }

  map(pairs: readonly Pair[], place: Place): MapNode {
    const entries = new Map<string, Entry>()
    for (const pair of pairs) if (!pair.isMerge) this.#addEntry(entries, pair)
    for (const { isMerge, value } of pairs) if (isMerge) this.#mergeInto(entries, value)
    return { kind: 'map', entries, place }
  }

  /** The text of a key; undefined when it is none, which is in the report then. */
  keyText(key: Node): string | undefined {
    if (key.kind === 'scalar' && key.type === 'string') return String(key.value)
    const where = this.path.length === 0 ? ' at the top level' : ` in ${pathText(this.path)}`
    const { start, end } = key.place
    const seen =
      key.kind === 'scalar' ? this.#source.text.slice(start, end) || 'nothing' : `a ${key.kind}`
    const message = `Cannot use ${seen} as a key${where}: a key is a string; put it in quotes`
    this.#report.error({ rule: 'key-not-string', place: key.place, message })
    return undefined
  }

  #addEntry(entries: Map<string, Entry>, { key: node, value }: Pair): void {
    const key = this.keyText(node)
    if (key === undefined) return
    const earlier = entries.get(key)
    if (earlier === undefined) {
      entries.set(key, { key, keyPlace: node.place, value })
      return
    }
    const { line } = positionOf(this.#source.text, earlier.keyPlace.start)
    this.#report.error({
      rule: 'duplicate-key',
      place: node.place,
      message: `Cannot use the key "${key}" twice in one mapping: it is already defined on line ${line}`,
    })
  }

  /** `<<`: keys of the mapping itself win, and of several merged ones the first. */
  #mergeInto(entries: Map<string, Entry>, value: Node): void {
    for (const merged of value.kind === 'list' ? value.items : [value]) {
      if (merged.kind === 'map') {
        for (const entry of merged.entries.values()) {
          if (!entries.has(entry.key)) entries.set(entry.key, entry)
        }
      } else if (merged.kind !== 'reset') {
        const message = 'Cannot merge with "<<": the value is no mapping; use an alias of a mapping'
        this.#report.error({ rule: 'yaml-merge', place: merged.place, message })
      }
    }
  }

  /** Nodes of a tree with every alias followed. */
  #sizeOf(node: Node): number {
    const known = this.#sizes.get(node)
    if (known !== undefined) return known
    let size = 1
    if (node.kind === 'list') for (const item of node.items) size += this.#sizeOf(item)
    if (node.kind === 'map')
      for (const { value } of node.entries.values()) size += this.#sizeOf(value)
    this.#sizes.set(node, size)
    return size
  }
}
