/** A place in a YAML text and the small steps that every part of the parser takes. */

/** The text is no YAML; `start` to `end` is what is wrong. */
export class YamlError extends Error {
  readonly start: number
  readonly end: number

  constructor(message: string, start: number, end: number = start + 1) {
    super(message)
    this.start = start
    this.end = end
  }
}

export const NEWLINE = 10
export const SPACE = 32
export const TAB = 9
export const HASH = 35
export const COLON = 58
export const DASH = 45

/** Blank or end of line or end of text: what ends an indicator such as `-`. */
export function endsWord(code: number): boolean {
  return code === SPACE || code === NEWLINE || code === TAB || Number.isNaN(code)
}

/** One of `,[]{}`. */
export function isFlowIndicator(code: number): boolean {
  return code === 44 || code === 91 || code === 93 || code === 123 || code === 125
}

export class Cursor {
  /** Lines end in `\n` only. */
  readonly text: string
  pos = 0

  constructor(text: string) {
    this.text = text
  }

  /** Code of the character at the position, or so many after it; NaN past the end. */
  code(ahead = 0): number {
    return this.text.charCodeAt(this.pos + ahead)
  }

  atEnd(): boolean {
    return this.pos >= this.text.length
  }

  /** Characters between the line's start and the position. */
  column(): number {
    return this.pos - this.text.lastIndexOf('\n', this.pos - 1) - 1
  }

  /** Over spaces and tabs. */
  skipBlanks(): void {
    while (this.code() === SPACE || this.code() === TAB) this.pos += 1
  }

  /** Over blanks, comments and line ends. True when a line ended. */
  skipToContent(): boolean {
    let crossed = false
    for (;;) {
      this.skipBlanks()
      const before = this.code(-1)
      const atWordStart = endsWord(before)
      if (this.code() === HASH && atWordStart) this.#skipLine()
      if (this.code() !== NEWLINE) return crossed
      this.pos += 1
      crossed = true
    }
  }

  /** `---` or `...` alone at the beginning of a line. */
  atMarker(): boolean {
    const code = this.code()
    if (code !== DASH && code !== 46) return false
    if (this.pos > 0 && this.text.charCodeAt(this.pos - 1) !== NEWLINE) return false
    return this.code(1) === code && this.code(2) === code && endsWord(this.code(3))
  }

  /** A tab where the indentation of a block is: nobody knows how wide it is. */
  refuseTab(): void {
    const lineStart = this.text.lastIndexOf('\n', this.pos - 1) + 1
    const tab = this.text.slice(lineStart, this.pos).indexOf('\t')
    if (tab === -1) return
    const before = this.text.slice(lineStart, this.pos)
    if (before.trim() !== '') return
    throw new YamlError(
      'found a tab in the indentation; indent with spaces',
      lineStart + tab,
      this.pos,
    )
  }

  #skipLine(): void {
    const end = this.text.indexOf('\n', this.pos)
    this.pos = end === -1 ? this.text.length : end
  }
}
