/** Collections in brackets of the plain subset. */
import type { Assembly } from '../assembly.ts'
import type { Node } from '../node.ts'
import { DEPTH_MAX } from '../refuse.ts'
import { type Key, keyOf, Mapping } from './mapping.ts'
import { ALIAS, ANCHOR, type Scalars } from './scalars.ts'
import {
  COLON,
  COMMA,
  CURLY,
  CURLY_END,
  doubt,
  type Scanner,
  SPACE,
  SQUARE,
  SQUARE_END,
} from './scanner.ts'

export class FlowParser {
  readonly #scan: Scanner
  readonly #scalars: Scalars
  readonly #assembly: Assembly
  /** Column that further lines must reach. */
  #indent = 0
  #depth = 0

  constructor(scan: Scanner, scalars: Scalars, assembly: Assembly) {
    this.#scan = scan
    this.#scalars = scalars
    this.#assembly = assembly
  }

  /** From the bracket at the scanner to the one that closes it. */
  collection(indent: number): Node {
    this.#indent = indent
    this.#depth = 0
    return this.#collection()
  }

  #collection(): Node {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) doubt()
    const node = this.#scan.code() === CURLY ? this.#map() : this.#list()
    this.#depth -= 1
    return node
  }

  #list(): Node {
    const scan = this.#scan
    const start = scan.at
    const items: Node[] = []
    scan.at += 1
    while (this.#isItemAhead(SQUARE_END)) {
      items.push(this.#node())
      this.#endItem(SQUARE_END)
    }
    scan.at += 1
    return { kind: 'list', items, place: this.#scalars.place(start) }
  }

  #map(): Node {
    const scan = this.#scan
    const start = scan.at
    const mapping = new Mapping(this.#assembly)
    scan.at += 1
    while (this.#isItemAhead(CURLY_END)) {
      const key = this.#key()
      this.#skip()
      const code = scan.code()
      if (code === COMMA || code === CURLY_END) doubt()
      mapping.add(key, this.#node())
      this.#endItem(CURLY_END)
    }
    scan.at += 1
    return mapping.node(this.#scalars.place(start))
  }

  #isItemAhead(closing: number): boolean {
    this.#skip()
    return this.#scan.code() !== closing
  }

  /** Over the comma after an item; none is needed before the closing bracket. */
  #endItem(closing: number): void {
    this.#skip()
    const code = this.#scan.code()
    if (code === COMMA) this.#scan.at += 1
    else if (code !== closing) doubt()
  }

  #key(): Key {
    const scan = this.#scan
    const start = scan.at
    const isQuoted = this.#scalars.isQuote(scan.code())
    const { value } = isQuoted ? this.#scalars.quoted() : this.#scalars.plainInFlow()
    if (typeof value !== 'string') doubt()
    const key = keyOf(value, this.#scalars.place(start), isQuoted)
    scan.skipSpaces()
    if (scan.code() !== COLON) doubt()
    scan.at += 1
    if (!isQuoted && scan.at !== scan.lineEnd && scan.code() !== SPACE) doubt()
    return key
  }

  #node(): Node {
    const scan = this.#scan
    if (scan.code() !== ANCHOR) return this.#bare()
    const name = this.#scalars.name()
    this.#skip()
    const node = this.#bare()
    this.#assembly.define(name, node)
    return node
  }

  #bare(): Node {
    const code = this.#scan.code()
    if (code === CURLY || code === SQUARE) return this.#collection()
    if (this.#scalars.isQuote(code)) return this.#scalars.quoted()
    if (code === ALIAS) return this.#scalars.alias(this.#assembly)
    return this.#scalars.plainInFlow()
  }

  /** Over blanks, comments and newlines. */
  #skip(): void {
    const scan = this.#scan
    scan.skipSpaces()
    if (!scan.isAtLineEnd()) return
    scan.nextLine()
    if (scan.column >= this.#indent) return
    const code = scan.code()
    const isClosing = code === SQUARE_END || code === CURLY_END
    if (scan.column !== this.#indent - 1 || this.#depth !== 1 || !isClosing) doubt()
  }
}
