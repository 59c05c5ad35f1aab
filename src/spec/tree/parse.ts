/**
 * YAML text to trees: one for each document. Errors go to the report; nothing is thrown. The parser is the
 * `yaml` package, which the project names and which is kept by others: speed is sought elsewhere.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node as YamlNode,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { Report } from '../diagnostics/report.ts'
import { positionOf } from '../diagnostics/position.ts'
import { pathText } from './path.ts'
import type { Entry, MapNode, Node, Place, Source } from './node.ts'
import { resolvePlain } from './scalar.ts'

/** Nodes that one file may stand for once its aliases are followed: a bomb has thousands of millions. */
const EXPANDED_NODES_MAX = 1_000_000

interface Context {
  readonly source: Source
  readonly report: Report
  readonly anchors: Map<string, Node>
  readonly sizes: WeakMap<Node, number>
  readonly path: (string | number)[]
  expanded: number
}

export function parseYaml(source: Source, report: Report): readonly Node[] {
  const documents = parseAllDocuments(source.text, {
    version: '1.2',
    schema: 'failsafe',
    uniqueKeys: false,
    logLevel: 'silent',
    prettyErrors: false,
  })
  const nodes: Node[] = []
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const error of document.errors) {
      report.error({
        rule: 'yaml',
        place: { source, start: error.pos[0], end: error.pos[1] },
        message: `Cannot read the YAML: ${error.message.split('\n', 1)[0] ?? ''}`,
      })
    }
    if (document.errors.length > 0 || document.contents === null) continue
    const context: Context = {
      source,
      report,
      anchors: new Map(),
      sizes: new WeakMap(),
      path: [],
      expanded: 0,
    }
    nodes.push(convert(document.contents as YamlNode, context))
  }
  return nodes
}

function placeOf(node: YamlNode | null | undefined, { source }: Context, fallback: Place): Place {
  const range = node?.range
  return range === null || range === undefined
    ? fallback
    : { source, start: range[0], end: Math.max(range[0], range[1]) }
}

function convert(yaml: YamlNode | null, context: Context, near?: Place): Node {
  const place = placeOf(yaml, context, near ?? { source: context.source, start: 0, end: 0 })
  if (yaml === null) return { kind: 'scalar', type: 'null', value: null, place }
  if (isAlias(yaml)) return follow(yaml, place, context)
  if (yaml.tag === '!reset') return anchor(yaml, { kind: 'reset', place }, context)
  let node: Node
  if (isMap(yaml)) node = convertMap(yaml, place, context)
  else if (isSeq(yaml)) node = convertList(yaml, place, context)
  else node = convertScalar(yaml as Scalar, place)
  if (yaml.tag === '!override') node = { ...node, override: true }
  return anchor(yaml, node, context)
}

function anchor(yaml: YamlNode, node: Node, context: Context): Node {
  const name = (yaml as { anchor?: string }).anchor
  if (name !== undefined) context.anchors.set(name, node)
  return node
}

function follow(alias: Alias, place: Place, context: Context): Node {
  const node = context.anchors.get(alias.source)
  if (node === undefined) {
    context.report.error({
      rule: 'yaml-alias',
      place,
      message: `Cannot follow the alias "*${alias.source}": no anchor "&${alias.source}" comes before it`,
    })
    return { kind: 'scalar', type: 'null', value: null, place }
  }
  context.expanded += sizeOf(node, context.sizes)
  if (context.expanded > EXPANDED_NODES_MAX) {
    context.report.error({
      rule: 'yaml-alias-bomb',
      place,
      message: `Cannot follow the alias "*${alias.source}": the file would grow to more than ${EXPANDED_NODES_MAX} values`,
    })
    return { kind: 'scalar', type: 'null', value: null, place }
  }
  return node
}

/** Nodes below a node with every alias followed. */
function sizeOf(node: Node, sizes: WeakMap<Node, number>): number {
  const known = sizes.get(node)
  if (known !== undefined) return known
  let size = 1
  if (node.kind === 'list') for (const item of node.items) size += sizeOf(item, sizes)
  if (node.kind === 'map') {
    for (const entry of node.entries.values()) size += sizeOf(entry.value, sizes)
  }
  sizes.set(node, size)
  return size
}

function convertScalar(yaml: Scalar, place: Place): Node {
  const text = typeof yaml.value === 'string' ? yaml.value : String(yaml.value ?? '')
  if (yaml.tag === '!' || (yaml.tag ?? '').endsWith(':str')) {
    if (yaml.type !== 'PLAIN' || (yaml.tag ?? '').endsWith(':str')) {
      const explicit = yaml.tag !== undefined && yaml.type === 'PLAIN'
      if (explicit || yaml.type !== 'PLAIN') {
        return { kind: 'scalar', type: 'string', value: text, place }
      }
    }
  }
  if (yaml.type !== 'PLAIN' && yaml.type !== undefined) {
    return { kind: 'scalar', type: 'string', value: text, place }
  }
  return { kind: 'scalar', ...resolvePlain(text), place }
}

function convertList(yaml: YAMLSeq, place: Place, context: Context): Node {
  const items = yaml.items.map((item, index) => {
    context.path.push(index)
    const node = convert(item as YamlNode | null, context, place)
    context.path.pop()
    return node
  })
  return { kind: 'list', items: items.filter((item) => item.kind !== 'reset'), place }
}

function convertMap(yaml: YAMLMap, place: Place, context: Context): MapNode {
  const entries = new Map<string, Entry>()
  const merged: Node[] = []
  for (const pair of yaml.items) {
    const keyNode = pair.key as YamlNode | null
    const keyPlace = placeOf(keyNode, context, place)
    const key = keyText(keyNode, keyPlace, context)
    if (key === undefined) continue
    context.path.push(key)
    const value = convert(pair.value as YamlNode | null, context, keyPlace)
    context.path.pop()
    if (key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN') {
      merged.push(value)
      continue
    }
    const earlier = entries.get(key)
    if (earlier !== undefined) {
      const { line } = positionOf(context.source.text, earlier.keyPlace.start)
      context.report.error({
        rule: 'duplicate-key',
        place: keyPlace,
        message: `Cannot use the key "${key}" twice in one mapping: it is on line ${line} already`,
      })
      continue
    }
    entries.set(key, { key, keyPlace, value })
  }
  for (const value of merged) mergeInto(entries, value, context)
  return { kind: 'map', entries, place }
}

function keyText(key: YamlNode | null, place: Place, context: Context): string | undefined {
  if (isScalar(key)) {
    const text = typeof key.value === 'string' ? key.value : String(key.value ?? '')
    if (key.type !== 'PLAIN' || resolvePlain(text).type === 'string') return text
    context.report.error({
      rule: 'key-not-string',
      place,
      message: `Cannot use ${text === '' ? 'nothing' : text} as a key${whereText(context)}: a key is a string; put it in quotes`,
    })
    return undefined
  }
  context.report.error({
    rule: 'key-not-string',
    place,
    message: `Cannot use a list, a mapping or an alias as a key${whereText(context)}: a key is a string`,
  })
  return undefined
}

function whereText({ path }: Context): string {
  return path.length === 0 ? ' at the top level' : ` in ${pathText(path)}`
}

/** `<<`: keys of the mapping itself win, and of several merged ones the first. */
function mergeInto(entries: Map<string, Entry>, value: Node, context: Context): void {
  const maps = value.kind === 'list' ? value.items : [value]
  for (const merged of maps) {
    if (merged.kind !== 'map') {
      if (merged.kind === 'reset') continue
      context.report.error({
        rule: 'yaml-merge',
        place: merged.place,
        message: 'Cannot merge with "<<": the value is no mapping; use an alias of a mapping',
      })
      continue
    }
    for (const entry of merged.entries.values()) {
      if (!entries.has(entry.key)) entries.set(entry.key, entry)
    }
  }
}
