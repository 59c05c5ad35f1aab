/**
 * The tree that every phase works on: YAML values that know where they were written. Nodes are
 * never changed.
 */

/** A text that was read. `name` is how diagnostics show it. */
export interface Source {
  readonly path: string
  readonly name: string
  readonly text: string
}

/** A stretch of a source: UTF-16 offsets, `end` exclusive. */
export interface Place {
  readonly source: Source
  readonly start: number
  readonly end: number
}

interface NodeBase {
  readonly place: Place
  /** Value of an earlier file or of an extended service that this one took the place of. */
  readonly replaces?: Node | undefined
  /** `!override`: takes the place of the value it would merge with. */
  readonly override?: boolean | undefined
}

/** What a plain YAML scalar means. `time` keeps its text; it is only accepted in `x-` keys. */
export type ScalarType = 'null' | 'bool' | 'int' | 'float' | 'string' | 'time'

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar'
  readonly type: ScalarType
  readonly value: string | number | boolean | null
  /** All digits of a whole number that is too large for `value` to be exact. */
  readonly digits?: string | undefined
  /** The text with its variables, when interpolation changed it. */
  readonly template?: string | undefined
}

export interface Entry {
  readonly key: string
  readonly keyPlace: Place
  readonly value: Node
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, Entry>
  /**
   * Stands for a list of `key=value` that was merged by key; `config --no-interpolate` shows it as
   * the list.
   */
  readonly listed?: boolean | undefined
}

export interface ListNode extends NodeBase {
  readonly kind: 'list'
  readonly items: readonly Node[]
}

/** `!reset`: removes what it would merge with, and itself. */
export interface ResetNode extends NodeBase {
  readonly kind: 'reset'
}

export type Node = ScalarNode | MapNode | ListNode | ResetNode

export function isList(node: Node | undefined): node is ListNode {
  return node?.kind === 'list'
}

export function isString(node: Node | undefined): node is ScalarNode & { readonly value: string } {
  return node?.kind === 'scalar' && node.type === 'string'
}

export function isNull(node: Node | undefined): boolean {
  return node?.kind === 'scalar' && node.type === 'null'
}

/** A string that takes its place from the node it was made of. */
export function text(value: string, from: { readonly place: Place }): ScalarNode {
  return { kind: 'scalar', type: 'string', value, place: from.place }
}

export function integer(value: number, from: { readonly place: Place }): ScalarNode {
  return { kind: 'scalar', type: 'int', value, place: from.place }
}

export function boolean(value: boolean, from: { readonly place: Place }): ScalarNode {
  return { kind: 'scalar', type: 'bool', value, place: from.place }
}

export function nothing(from: { readonly place: Place }): ScalarNode {
  return { kind: 'scalar', type: 'null', value: null, place: from.place }
}

export function list(items: readonly Node[], from: { readonly place: Place }): ListNode {
  return { kind: 'list', items, place: from.place }
}

/** A mapping of made-up keys: each key has the place of its value's source. */
export function map(
  values: Readonly<Record<string, Node | undefined>>,
  from: { readonly place: Place },
): MapNode {
  const entries = new Map<string, Entry>()
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) entries.set(key, { key, keyPlace: from.place, value })
  }
  return { kind: 'map', entries, place: from.place }
}

export function get(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined
}

/** The string under a key; undefined when there is none or it is no string. */
export function getString(node: Node | undefined, key: string): string | undefined {
  const value = get(node, key)
  return isString(value) ? value.value : undefined
}

/** The same mapping with one more or another value. A new key gets the value's place. */
export function withEntry(node: MapNode, key: string, value: Node): MapNode {
  if (node.entries.get(key)?.value === value) return node
  const entries = new Map(node.entries)
  entries.set(key, { key, keyPlace: node.entries.get(key)?.keyPlace ?? value.place, value })
  return { ...node, entries }
}

export function withoutEntry(node: MapNode, key: string): MapNode {
  if (!node.entries.has(key)) return node
  const entries = new Map(node.entries)
  entries.delete(key)
  return { ...node, entries }
}

/**
 * The mapping with each value exchanged; `undefined` drops the entry. Unchanged, it is the same
 * node.
 */
export function mapEntries(node: MapNode, change: (entry: Entry) => Node | undefined): MapNode {
  let entries: Map<string, Entry> | undefined
  for (const entry of node.entries.values()) {
    const value = change(entry)
    if (value === entry.value) continue
    entries ??= new Map(node.entries)
    if (value === undefined) entries.delete(entry.key)
    else entries.set(entry.key, { key: entry.key, keyPlace: entry.keyPlace, value })
  }
  return entries === undefined ? node : { ...node, entries }
}

/** The list with each item exchanged. Unchanged, it is the same node. */
export function mapItems(node: ListNode, change: (item: Node, index: number) => Node): ListNode {
  let items: Node[] | undefined
  for (const [index, item] of node.items.entries()) {
    const value = change(item, index)
    if (value === item) continue
    items ??= [...node.items]
    items[index] = value
  }
  return items === undefined ? node : { ...node, items }
}
