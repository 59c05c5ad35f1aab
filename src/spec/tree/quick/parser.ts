/**
 * The plain subset of YAML, read in one go: mappings, lists, brackets, text on one line, blocks of
 * text, anchors and aliases. Anything else is a doubt.
 */
import type { Assembly } from '../assembly.ts'
import type { MapNode, Node, Source } from '../node.ts'
import { DEPTH_MAX } from '../refuse.ts'
import { FlowParser } from './flow.ts'
import { type Key, keyOf, Mapping } from './mapping.ts'
import { ALIAS, ANCHOR, Scalars } from './scalars.ts'
import { COLON, CURLY, doubt, Scanner, SQUARE } from './scanner.ts'

const LITERAL = 0x7c
const FOLDED = 0x3e

export class PlainParser {
  readonly #scan: Scanner
  readonly #scalars: Scalars
  readonly #flow: FlowParser
  readonly #source: Source
  readonly #assembly: Assembly
  /** Offset after the last value. */
  #end = 0
  /** Collections in lines around the scanner. */
  #depth = 0

  constructor(source: Source, assembly: Assembly) {
    this.#source = source
    this.#assembly = assembly
    this.#scan = new Scanner(source.text)
    this.#scalars = new Scalars(this.#scan, source)
    this.#flow = new FlowParser(this.#scan, this.#scalars, assembly)
  }

  /**
   * The only document of the text, a mapping.
   * @throws {Doubt} when the text may be something else.
   */
  parse(): MapNode {
    if (this.#scan.column === -1) doubt()
    const node = this.#block(-1)
    if (this.#scan.column !== -1 || node.kind !== 'map') doubt()
    return node
  }

  /** What begins at the scanner, on a line of its own or after a dash. */
  #block(parent: number): Node {
    const scan = this.#scan
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) doubt()
    const node = scan.isDash()
      ? this.#list(scan.at - scan.lineStart)
      : this.#isKeyAhead()
        ? this.#map()
        : this.#inline(parent)
    this.#depth -= 1
    return node
  }

  #isKeyAhead(): boolean {
    const scan = this.#scan
    const { at } = scan
    const code = scan.code()
    if (code === CURLY || code === SQUARE) return false
    if (this.#scalars.isQuote(code)) {
      this.#scalars.quoted()
      scan.skipSpaces()
      const isKey = scan.code() === COLON
      scan.at = at
      return isKey
    }
    const colon = scan.colon()
    return colon !== -1 && !scan.text.slice(at, colon).includes(' #')
  }

  /** A mapping whose first key is at the scanner. */
  #map(): MapNode {
    const scan = this.#scan
    const start = scan.at
    const column = start - scan.lineStart
    const mapping = new Mapping(this.#assembly)
    do {
      const key = this.#key()
      mapping.add(key, this.#value(column))
    } while (scan.column === column)
    if (scan.column > column) doubt()
    return mapping.node({ source: this.#source, start, end: this.#end })
  }

  /** A key and its colon. */
  #key(): Key {
    const scan = this.#scan
    const start = scan.at
    const isQuoted = this.#scalars.isQuote(scan.code())
    const text = isQuoted ? String(this.#scalars.quoted().value) : this.#scalars.plainKey()
    const key = keyOf(text, this.#scalars.place(start), isQuoted)
    scan.skipSpaces()
    if (scan.code() !== COLON || !scan.isAlone(scan.at)) doubt()
    scan.at += 1
    return key
  }

  /** The value of a key of the mapping at `column`. */
  #value(column: number): Node {
    const scan = this.#scan
    scan.skipSpaces()
    const anchor = this.#anchor()
    if (!scan.isAtLineEnd()) return this.#anchored(anchor, this.#inlineValue(column))
    const empty = scan.at
    scan.nextLine()
    const node =
      scan.column > column
        ? this.#block(column)
        : scan.column === column && scan.isDash()
          ? this.#list(column)
          : this.#nothing(empty, anchor)
    return this.#anchored(anchor, node)
  }

  #inlineValue(column: number): Node {
    const scan = this.#scan
    // After a value in quotes no colon may come anyway.
    const isQuoted = this.#scalars.isQuote(scan.code())
    if (scan.isDash() || (!isQuoted && this.#isKeyAhead())) doubt()
    return this.#inline(column)
  }

  /** The text of `&name`; undefined when none is there. */
  #anchor(): string | undefined {
    const scan = this.#scan
    if (scan.code() !== ANCHOR) return undefined
    const name = this.#scalars.name()
    scan.skipSpaces()
    return name
  }

  #anchored(anchor: string | undefined, node: Node): Node {
    if (anchor !== undefined) this.#assembly.define(anchor, node)
    return node
  }

  #nothing(offset: number, anchor: string | undefined): Node {
    if (anchor !== undefined) doubt()
    this.#end = offset
    const place = { source: this.#source, start: offset, end: offset }
    return { kind: 'scalar', type: 'null', value: null, place }
  }

  /** A list whose first dash is at the scanner. */
  #list(column: number): Node {
    const scan = this.#scan
    const start = scan.at
    const items: Node[] = []
    do {
      scan.at += 1
      items.push(this.#item(column))
    } while (scan.column === column && scan.isDash())
    if (scan.column > column) doubt()
    const place = { source: this.#source, start, end: this.#end }
    return { kind: 'list', items, place }
  }

  #item(column: number): Node {
    const scan = this.#scan
    scan.skipSpaces()
    const anchor = this.#anchor()
    if (!scan.isAtLineEnd()) {
      if (anchor !== undefined && (scan.isDash() || this.#isKeyAhead())) doubt()
      return this.#anchored(anchor, this.#block(column))
    }
    const empty = scan.at
    scan.nextLine()
    const node = scan.column > column ? this.#block(column) : this.#nothing(empty, anchor)
    return this.#anchored(anchor, node)
  }

  /** A value that begins on this line, and is no mapping or list in lines. */
  #inline(parent: number): Node {
    const scan = this.#scan
    const node = this.#inlineNode(parent)
    this.#end = scan.at
    scan.endLine()
    if (scan.column > parent) doubt()
    return node
  }

  #inlineNode(parent: number): Node {
    const code = this.#scan.code()
    if (this.#scalars.isQuote(code)) return this.#scalars.quoted()
    if (code === CURLY || code === SQUARE) return this.#flow.collection(parent + 1)
    if (code === LITERAL || code === FOLDED) return this.#scalars.block(parent)
    if (code === ALIAS) return this.#scalars.alias(this.#assembly)
    return this.#scalars.plain()
  }
}
