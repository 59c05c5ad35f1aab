/**
 * YAML text to trees: one for each document. Errors go to the report; nothing is thrown. The parser
 * is the `yaml` package; here its nodes become ours, with the meaning that Compose files give to
 * plain scalars.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node as YamlNode,
  parseAllDocuments,
  type Scalar,
  type YAMLParseError,
  type YAMLMap,
  type YAMLSeq,
  visit,
} from 'yaml'
import { STACK_FILE_VALUES_MAX } from '../../limits.ts'
import { positionOf } from '../diagnostics/position.ts'
import type { Report } from '../diagnostics/report.ts'
import { Assembly } from './assembly.ts'
import type { Entry, MapNode, Node, Place, Source } from './node.ts'
import { pathText } from './path.ts'
import { quickParse } from './quick/quick-parse.ts'
import { isRefused } from './refuse.ts'
import { resolvePlain } from './scalar.ts'

export function parseYaml(source: Source, report: Report): readonly Node[] {
  // Each value takes a character, so that a short text has not too many.
  const isShort = source.text.length <= STACK_FILE_VALUES_MAX
  if (!isShort && isRefused(source, report)) return []
  const quick = quickParse(source, report)
  if (quick !== undefined) return quick
  return isShort && isRefused(source, report) ? [] : parseFully(source, report)
}

/** By the YAML parser alone; what {@link quickParse} is held against. */
export function parseFully(source: Source, report: Report): readonly Node[] {
  const documents = parseAllDocuments(source.text, {
    version: '1.2',
    schema: 'failsafe',
    uniqueKeys: false,
    logLevel: 'silent',
    prettyErrors: false,
  })
  const nodes: Node[] = []
  for (const document of Array.isArray(documents) ? documents : []) {
    const { errors, contents } = document
    for (const { start, end, message } of independent(errors, document, source)) {
      report.error({
        rule: 'yaml',
        place: { source, start, end },
        message: `Cannot read the YAML: ${message.split('\n', 1)[0] ?? ''}`,
      })
    }
    if (errors.length === 0 && contents !== null) {
      nodes.push(new Converter(source, report).convert(contents))
    }
  }
  return nodes
}

interface Mistake {
  readonly start: number
  readonly end: number
  readonly message: string
}

/** Errors in lines of their own: further ones of a line follow from its first one. */
function independent(
  errors: readonly YAMLParseError[],
  document: Document.Parsed,
  source: Source,
): readonly Mistake[] {
  const lines = new Set<number>()
  return errors
    .map((error) => mistakeOf(error, document))
    .filter(({ start }) => {
      const { line } = positionOf(source, start)
      return !lines.has(line) && lines.add(line)
    })
}

/** A quote that is not closed is shown where it opens: the parser is at the end by then. */
function mistakeOf({ message, pos }: YAMLParseError, document: Document.Parsed): Mistake {
  let [start, end] = pos
  if (message.startsWith('Missing closing')) {
    visit(document, {
      Scalar: (_, { range }) => {
        if (range?.[1] === pos[0]) [start, end] = [range[0], range[0] + 1]
      },
    })
  }
  return { start, end, message }
}

class Converter {
  readonly #source: Source
  readonly #report: Report
  readonly #assembly: Assembly
  readonly #path: (string | number)[] = []

  constructor(source: Source, report: Report) {
    this.#source = source
    this.#report = report
    this.#assembly = new Assembly(source, (finding) => report.error(finding))
  }

  /** `near`: place of what stands before, for values that are not written. */
  convert(yaml: YamlNode | null, near?: Place): Node {
    const place = this.#place(yaml, near)
    if (yaml === null) return { kind: 'scalar', type: 'null', value: null, place }
    if (isAlias(yaml)) return this.#assembly.follow(yaml.source, place)
    const node = this.#tagged(yaml, place)
    if (yaml.anchor !== undefined) this.#assembly.define(yaml.anchor, node)
    return node
  }

  #place(yaml: YamlNode | null, near?: Place): Place {
    const range = yaml?.range ?? undefined
    if (range === undefined) return near ?? { source: this.#source, start: 0, end: 0 }
    const end = yaml === null ? range[1] : endOf(yaml)
    return { source: this.#source, start: range[0], end: Math.max(range[0], end) }
  }

  #tagged(yaml: YAMLMap | YAMLSeq | Scalar, place: Place): Node {
    if (yaml.tag === '!reset') return { kind: 'reset', place }
    const node = this.#content(yaml, place)
    return yaml.tag === '!override' ? { ...node, override: true } : node
  }

  #content(yaml: YAMLMap | YAMLSeq | Scalar, place: Place): Node {
    if (isMap(yaml)) return this.#map(yaml, place)
    if (isSeq(yaml)) return this.#list(yaml, place)
    const text = textOf(yaml)
    return isText(yaml)
      ? { kind: 'scalar', type: 'string', value: text, place }
      : { kind: 'scalar', ...resolvePlain(text), place }
  }

  #list(yaml: YAMLSeq, place: Place): Node {
    const items: Node[] = []
    for (const [index, item] of yaml.items.entries()) {
      this.#path.push(index)
      const node = this.convert(item as YamlNode | null, place)
      this.#path.pop()
      if (node.kind !== 'reset') items.push(node)
    }
    return { kind: 'list', items, place }
  }

  #map(yaml: YAMLMap, place: Place): MapNode {
    const entries = new Map<string, Entry>()
    const merged: Node[] = []
    for (const pair of yaml.items) {
      const keyNode = pair.key as YamlNode | null
      const keyPlace = this.#place(keyNode, place)
      const key = this.#key(keyNode, keyPlace)
      this.#path.push(key ?? '?')
      const value = this.convert(pair.value as YamlNode | null, keyPlace)
      this.#path.pop()
      if (key === undefined) continue
      if (key === '<<' && isScalar(keyNode) && !isText(keyNode)) merged.push(value)
      else this.#assembly.addEntry(entries, { key, keyPlace, value })
    }
    for (const value of merged) this.#assembly.mergeInto(entries, value)
    return { kind: 'map', entries, place }
  }

  /** The text of a key; undefined when it is no string, which is in the report then. */
  #key(key: YamlNode | null, place: Place): string | undefined {
    const text = isScalar(key) ? textOf(key) : undefined
    if (text !== undefined && isScalar(key)) {
      if (isText(key) || resolvePlain(text).type === 'string') return text
    }
    const where = this.#path.length === 0 ? ' at the top level' : ` in ${pathText(this.#path)}`
    const seen = text === undefined ? 'a list, a mapping or an alias' : text || 'nothing'
    this.#report.error({
      rule: 'key-not-string',
      place,
      message: `Cannot use ${seen} as a key${where}: a key is a string; put it in quotes`,
    })
    return undefined
  }
}

/** Offset after the last value: that of a collection in lines goes on to the next text. */
function endOf(yaml: YamlNode): number {
  let node = yaml
  for (;;) {
    const last: unknown = isMap(node) || isSeq(node) ? node.items.at(-1) : undefined
    const isInLines = (isMap(node) || isSeq(node)) && node.flow !== true
    const inner = isPair(last) ? (last.value ?? last.key) : last
    if (!isInLines || !isNode(inner)) return node.range?.[1] ?? 0
    node = inner
  }
}

function textOf(yaml: Scalar): string {
  return typeof yaml.value === 'string' ? yaml.value : ''
}

/** Quoted, a block, or tagged as a string: no number, whatever it looks like. */
function isText({ type, tag }: Scalar): boolean {
  if (tag === '!' || (tag ?? '').endsWith(':str')) return true
  const isTyped = tag !== undefined && tag.includes('yaml.org')
  return type !== 'PLAIN' && type !== undefined && !isTyped
}
