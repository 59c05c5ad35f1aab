/** Physical lines of a Dockerfile joined into instructions, each character with its place. */

import { Directives } from './directives.ts'

/** Line and column count from 1; a column is a UTF-16 unit, as in the diagnostics of stack files. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One instruction with its continued lines joined, comments and empty lines between left out. */
export interface LogicalLine {
  readonly text: string
  /** First and last line of the file that belong to it. */
  readonly line: number
  readonly lineEnd: number
  /** Where the character at an offset of `text` stands in the file. */
  readonly place: (offset: number) => Position
}

interface Segment {
  readonly offset: number
  readonly line: number
  readonly column: number
}

/**
 * Reads logical lines one after the other; whoever finds a heredoc reads its body in between.
 * @see Dockerfile reference, "Format" and "Parser directives"
 */
export class LineReader {
  readonly directives: Directives = new Directives()
  /** Lines on which a continued instruction has an empty line: deprecated by Docker. */
  readonly emptyContinuations: number[] = []
  readonly #lines: readonly string[]
  #at = 0

  constructor(text: string) {
    const lines = text.replace(/^\uFEFF/u, '').split('\n')
    // Text that ends with a newline has no further line.
    this.#lines = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  }

  /** The next instruction; `undefined` at the end. Throws `Problem` for a wrong directive. */
  next(): LogicalLine | undefined {
    while (this.#at < this.#lines.length) {
      const line = this.#at
      const raw = trimNewline(this.#lines[line] ?? '')
      const trimmed = raw.trimStart()
      this.#at += 1
      this.directives.see(trimmed, line + 1)
      if (trimmed === '' || trimmed.startsWith('#')) continue
      return this.#join({ text: trimmed, line, column: raw.length - trimmed.length + 1 })
    }
    return undefined
  }

  /** Raw lines up to `terminator`, which is left out; `undefined` when it never comes. */
  heredocBody(terminator: string, stripsTabs: boolean): string | undefined {
    const from = this.#at
    for (let at = from; at < this.#lines.length; at += 1) {
      const line = trimNewline(this.#lines[at] ?? '')
      if ((stripsTabs ? line.replace(/^\t+/, '') : line) !== terminator) continue
      this.#at = at + 1
      return this.#lines
        .slice(from, at)
        .map((each) => `${each}\n`)
        .join('')
    }
    this.#at = this.#lines.length
    return undefined
  }

  /** Number of the last line that was read. */
  get line(): number {
    return this.#at
  }

  #join(first: {
    readonly text: string
    readonly line: number
    readonly column: number
  }): LogicalLine {
    const segments: Segment[] = [{ offset: 0, line: first.line + 1, column: first.column }]
    let piece = this.#continued(first.text)
    let text = piece ?? first.text
    while (piece !== undefined && this.#at < this.#lines.length) {
      const raw = trimNewline(this.#lines[this.#at] ?? '')
      this.#at += 1
      if (raw.trimStart().startsWith('#')) continue
      if (raw.trim() === '') {
        this.emptyContinuations.push(this.#at)
        continue
      }
      segments.push({ offset: text.length, line: this.#at, column: 1 })
      piece = this.#continued(raw)
      text += piece ?? raw
    }
    return {
      text,
      line: first.line + 1,
      lineEnd: this.#at,
      place: (offset) => placeIn(segments, offset),
    }
  }

  /** The line without its continuation character; `undefined` when the instruction ends here. */
  #continued(line: string): string | undefined {
    const { escape } = this.directives
    const end = line.replace(/[ \t]+$/, '')
    // Two in a row are an escaped one, which continues nothing.
    if (!end.endsWith(escape) || end.endsWith(escape + escape)) return undefined
    return end.slice(0, -1)
  }
}

function placeIn(segments: readonly Segment[], offset: number): Position {
  const segment = segments.findLast((each) => each.offset <= offset) ?? segments[0]
  const { line = 1, column = 1, offset: start = 0 } = segment ?? {}
  return { line, column: column + offset - start }
}

function trimNewline(line: string): string {
  return line.replace(/\r+$/, '')
}
