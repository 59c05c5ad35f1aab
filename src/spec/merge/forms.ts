/** Turns the two ways to write a key into one, so that values of different files can be merged. */
import {
  type Entry,
  isString,
  type ListNode,
  type MapNode,
  map,
  type Node,
  nothing,
  text,
} from '../tree/node.ts'
import { scalarText } from '../tree/plain.ts'

/**
 * `[a, b]` as `{ a: value, b: value }`. Undefined when it is neither list of strings nor mapping.
 */
export function asMapping(node: Node, value: (item: Node) => Node): MapNode | undefined {
  if (node.kind === 'map') return node
  if (node.kind !== 'list') return undefined
  const entries = new Map<string, Entry>()
  for (const item of node.items) {
    if (!isString(item)) return undefined
    entries.set(item.value, { key: item.value, keyPlace: item.place, value: value(item) })
  }
  return { kind: 'map', entries, place: node.place }
}

/** `{ a: 1, b: }` as `["a=1", "b"]`; a lone string as a list of it. */
export function asSequence(node: Node): ListNode | undefined {
  if (node.kind === 'list') return node
  if (isString(node)) return { kind: 'list', items: [node], place: node.place }
  if (node.kind !== 'map') return undefined
  const items = [...node.entries.values()].flatMap((entry) => assignments(entry))
  return { kind: 'list', items, place: node.place }
}

function assignments({ key, keyPlace, value }: Entry): Node[] {
  if (value.kind === 'list') {
    return value.items.map((item) => assignment(key, item, keyPlace))
  }
  return value.kind === 'scalar' && value.type === 'null'
    ? [text(key, { place: keyPlace })]
    : [assignment(key, value, keyPlace)]
}

function assignment(key: string, value: Node, keyPlace: Node['place']): Node {
  if (value.kind !== 'scalar') return value
  const node = text(`${key}=${scalarText(value)}`, value)
  return value.type === 'time'
    ? { ...node, type: 'time' }
    : { ...node, place: value.place ?? keyPlace }
}

/** `["a=1", "b"]` as `{ a: 1, b: null }`. Undefined when an item is no string. */
export function keyValues(node: Node): MapNode | undefined {
  if (node.kind === 'map') return node
  if (node.kind !== 'list') return undefined
  const entries = new Map<string, Entry>()
  for (const item of node.items) {
    if (!isString(item)) return undefined
    const equals = item.value.indexOf('=')
    const key = equals === -1 ? item.value : item.value.slice(0, equals)
    const value = equals === -1 ? nothing(item) : { ...item, value: item.value.slice(equals + 1) }
    entries.set(key, { key, keyPlace: item.place, value })
  }
  return { kind: 'map', entries, place: node.place }
}

/** `build: ./dir` as `{ context: ./dir }`. */
export function asBuild(node: Node): MapNode | undefined {
  if (node.kind === 'map') return node
  return isString(node) ? map({ context: node }, node) : undefined
}
