/** A place in YAML text that moves from left to right, and knows its line. */

/** Thrown where the text may mean something that only the YAML parser knows. */
export class Doubt extends Error {}

export function doubt(): never {
  throw new Doubt()
}

export const TAB = 0x09
export const NEWLINE = 0x0a
export const SPACE = 0x20
export const HASH = 0x23
const DASH = 0x2d
const DOT = 0x2e
export const COLON = 0x3a
export const COMMA = 0x2c
export const SQUARE = 0x5b
export const SQUARE_END = 0x5d
export const CURLY = 0x7b
export const CURLY_END = 0x7d

export class Scanner {
  readonly text: string
  /** Offset of the next character. */
  at = 0
  lineStart = 0
  /** Offset of the line's newline; the text's length in the last line. */
  lineEnd = -1
  /** Column of the first character of the line, from 0; -1 at the end of the text. */
  column = -1
  #colon = -1

  constructor(text: string) {
    this.text = text
    this.nextLine()
  }

  code(): number {
    return this.text.charCodeAt(this.at)
  }

  /** To the first character of the next line that has any, over blanks and comments. */
  nextLine(): void {
    const { text } = this
    for (;;) {
      const start = this.lineEnd + 1
      if (start >= text.length) return this.#end()
      const newline = text.indexOf('\n', start)
      this.lineEnd = newline === -1 ? text.length : newline
      let at = start
      while (text.charCodeAt(at) === SPACE) at += 1
      const code = text.charCodeAt(at)
      if (at === this.lineEnd || code === HASH) continue
      if (code === TAB) doubt()
      this.at = at
      this.lineStart = start
      this.column = at - start
      if (at === start && (code === DASH || code === DOT)) this.#refuseMarker()
      return
    }
  }

  #end(): void {
    this.at = this.text.length
    this.lineStart = this.at
    this.lineEnd = this.at
    this.column = -1
  }

  /** `---` and `...` end a document. */
  #refuseMarker(): void {
    const marker = this.text.slice(this.at, this.at + 3)
    if (marker === '---' || marker === '...') doubt()
  }

  skipSpaces(): void {
    while (this.text.charCodeAt(this.at) === SPACE) this.at += 1
  }

  /** Nothing follows on the line but a comment. `at` is after spaces, if there are any. */
  isAtLineEnd(): boolean {
    if (this.at === this.lineEnd) return true
    return this.code() === HASH && this.text.charCodeAt(this.at - 1) === SPACE
  }

  /** After a value: on to the next line; only a comment may stand between. */
  endLine(): void {
    // A block of text takes its last newline too.
    if (this.at <= this.lineEnd) {
      this.skipSpaces()
      if (!this.isAtLineEnd()) doubt()
    }
    this.nextLine()
  }

  /** A blank or the end of the line follows the character at `offset`. */
  isAlone(offset: number): boolean {
    const next = offset + 1
    return next === this.lineEnd || this.text.charCodeAt(next) === SPACE
  }

  isDash(): boolean {
    return this.code() === DASH && this.isAlone(this.at)
  }

  /** Offset of the colon that ends a key on this line; -1 when there is none. */
  colon(): number {
    const { text, lineEnd } = this
    if (this.#colon < this.at) this.#colon = this.#colonFrom(this.at)
    while (this.#colon < lineEnd) {
      if (this.isAlone(this.#colon)) return this.#colon
      if (text.charCodeAt(this.#colon + 1) === TAB) doubt()
      this.#colon = this.#colonFrom(this.#colon + 1)
    }
    return -1
  }

  /** Remembered, for the next one may be far away. */
  #colonFrom(offset: number): number {
    const found = this.text.indexOf(':', offset)
    return found === -1 ? this.text.length : found
  }
}
