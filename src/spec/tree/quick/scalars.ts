/** Single values of the plain subset: text on one line, in quotes or not, and blocks of text. */
import { CST } from 'yaml'
import type { Assembly } from '../assembly.ts'
import type { Node, Place, ScalarNode, Source } from '../node.ts'
import { resolvePlain } from '../scalar.ts'
import { COLON, doubt, HASH, NEWLINE, type Scanner, SPACE, TAB } from './scanner.ts'

export const ANCHOR = 0x26
export const ALIAS = 0x2a
const DOUBLE = 0x22
const SINGLE = 0x27
const BACKSLASH = 0x5c

/** Characters with a meaning of their own at the beginning of a value. */
const INDICATORS = codes(',[]{}#&*!|>\'"%@`\t')
/** `-`, `?` and `:` too, before a blank. */
const DASHES = codes('-?:')
/** Of the name of an anchor. */
const NAME_ENDS = codes(' ,[]{}\t')
const FLOW_MARKS = codes(',[]{}')

function codes(marks: string): ReadonlySet<number> {
  return new Set(Array.from(marks, (mark) => mark.charCodeAt(0)))
}

export class Scalars {
  readonly #scan: Scanner
  readonly #source: Source
  readonly #hasTabs: boolean

  constructor(scan: Scanner, source: Source) {
    this.#scan = scan
    this.#source = source
    this.#hasTabs = source.text.includes('\t')
  }

  isQuote(code: number): boolean {
    return code === DOUBLE || code === SINGLE
  }

  place(start: number): Place {
    return { source: this.#source, start, end: this.#scan.at }
  }

  /** From `at` to the end of the line or its comment. */
  plain(): ScalarNode {
    const scan = this.#scan
    const start = scan.at
    this.#checkStart()
    const line = scan.text.slice(start, scan.lineEnd)
    const comment = line.indexOf(' #')
    const text = (comment === -1 ? line : line.slice(0, comment)).trimEnd()
    return this.#plainOf(start, text)
  }

  /** A key without quotes. */
  plainKey(): string {
    const scan = this.#scan
    const colon = scan.colon()
    if (colon === -1) doubt()
    this.#checkStart()
    const text = scan.text.slice(scan.at, colon).trimEnd()
    if (text.includes(' #') || (this.#hasTabs && text.includes('\t'))) doubt()
    scan.at += text.length
    return text
  }

  /** Within brackets: up to what ends it there. */
  plainInFlow(): ScalarNode {
    const scan = this.#scan
    const { text, lineEnd, at: start } = scan
    this.#checkStart()
    let end = start
    for (; end < lineEnd; end++) {
      const code = text.charCodeAt(end)
      if (FLOW_MARKS.has(code) || (code === COLON && this.#endsKey(end + 1))) break
      if (code === HASH && text.charCodeAt(end - 1) === SPACE) break
    }
    return this.#plainOf(start, text.slice(start, end).trimEnd())
  }

  #plainOf(start: number, text: string): ScalarNode {
    if (text === '' || (this.#hasTabs && text.includes('\t'))) doubt()
    this.#scan.at = start + text.length
    const { type, value, digits } = resolvePlain(text)
    const place = this.place(start)
    return digits === undefined
      ? { kind: 'scalar', type, value, place }
      : { kind: 'scalar', type, value, digits, place }
  }

  #checkStart(): void {
    const scan = this.#scan
    const code = scan.code()
    if (INDICATORS.has(code)) doubt()
    if (!DASHES.has(code)) return
    if (this.#endsKey(scan.at + 1)) doubt()
  }

  #endsKey(offset: number): boolean {
    const { text, lineEnd } = this.#scan
    if (offset === lineEnd) return true
    const code = text.charCodeAt(offset)
    return code === SPACE || code === TAB || FLOW_MARKS.has(code)
  }

  /** In quotes that are closed on the line. */
  quoted(): ScalarNode {
    const scan = this.#scan
    const start = scan.at
    const value = scan.code() === SINGLE ? this.#single() : this.#double()
    return { kind: 'scalar', type: 'string', value, place: this.place(start) }
  }

  #single(): string {
    const scan = this.#scan
    const { text, at, lineEnd } = scan
    let end = text.indexOf("'", at + 1)
    let isEscaped = false
    while (end !== -1 && text.charCodeAt(end + 1) === SINGLE) {
      isEscaped = true
      end = text.indexOf("'", end + 2)
    }
    if (end === -1 || end > lineEnd) doubt()
    scan.at = end + 1
    const value = text.slice(at + 1, end)
    return isEscaped ? value.replaceAll("''", "'") : value
  }

  #double(): string {
    const scan = this.#scan
    const { text, at, lineEnd } = scan
    let end = text.indexOf('"', at + 1)
    while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
    if (end === -1 || end > lineEnd) doubt()
    scan.at = end + 1
    const value = text.slice(at + 1, end)
    return value.includes('\\') ? escaped(text.slice(at, end + 1)) : value
  }

  /** The name after `&` or `*`. */
  name(): string {
    const scan = this.#scan
    const start = scan.at + 1
    let end = start
    while (end < scan.lineEnd && !NAME_ENDS.has(scan.text.charCodeAt(end))) end += 1
    scan.at = end
    if (end === start || scan.text.charCodeAt(end - 1) === COLON) doubt()
    return scan.text.slice(start, end)
  }

  alias(assembly: Assembly): Node {
    const start = this.#scan.at
    const name = this.name()
    return assembly.follow(name, this.place(start))
  }

  /** `|` and `>`; `parent` is the column that its lines must be beyond. */
  block(parent: number): ScalarNode {
    const scan = this.#scan
    const { text, at: start, lineEnd } = scan
    const header = text.slice(start, lineEnd)
    if (!/^[|>][-+]?$/.test(header) || lineEnd === text.length) doubt()
    const end = blockEnd(text, { start: lineEnd + 1, parent, isKept: header.endsWith('+') })
    const value = blockText(header, text.slice(lineEnd + 1, end))
    scan.at = end
    scan.lineEnd = end - 1
    return { kind: 'scalar', type: 'string', value, place: this.place(start) }
  }
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, offset: number): boolean {
  let count = 0
  while (text.charCodeAt(offset - 1 - count) === BACKSLASH) count += 1
  return count % 2 === 1
}

function escaped(source: string): string {
  const token = { type: 'double-quoted-scalar', offset: 0, indent: 0, source } as const
  return CST.resolveAsScalar(token, true, doubt)?.value ?? doubt()
}

function blockText(header: string, source: string): string {
  const head = { type: 'block-scalar-header', offset: 0, indent: 0, source: header } as const
  const token = { type: 'block-scalar', offset: 0, indent: 0, props: [head], source } as const
  return CST.resolveAsScalar({ ...token, props: [head] }, true, doubt)?.value ?? doubt()
}

interface Block {
  /** Offset of its first line. */
  readonly start: number
  readonly parent: number
  /** Empty lines at its end belong to it. */
  readonly isKept: boolean
}

/** Offset after the last line of a block of text, as the parser's lexer finds it. */
function blockEnd(text: string, { start, parent, isKept }: Block): number {
  const first = firstLine(text, start)
  const indent = indentAt(text, first)
  if (indent <= parent) doubt()
  let newline = first - 1
  while (newline < text.length && isInside(text, newline + 1, indent)) {
    const next = text.indexOf('\n', newline + 1)
    newline = next === -1 ? text.length : next
  }
  if (text.charCodeAt(newline + 1 + indentAt(text, newline + 1)) === TAB) doubt()
  const last = isKept ? newline : withoutEmptyLines(text, { newline, start, indent })
  return Math.min(text.length, last + 1)
}

/** Offset of the first line that is not empty. */
function firstLine(text: string, start: number): number {
  for (let line = start; ;) {
    const at = line + indentAt(text, line)
    if (at >= text.length || text.charCodeAt(at) === TAB) doubt()
    if (text.charCodeAt(at) !== NEWLINE) return line
    line = at + 1
  }
}

function indentAt(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) === SPACE) at += 1
  return at - start
}

function isInside(text: string, start: number, indent: number): boolean {
  if (start >= text.length) return false
  const own = indentAt(text, start)
  return own >= indent || text.charCodeAt(start + own) === NEWLINE
}

/** The newline before trailing lines that have no more blanks than the text's own lines. */
function withoutEmptyLines(
  text: string,
  { newline, start, indent }: { newline: number; start: number; indent: number },
): number {
  let last = newline
  for (;;) {
    let at = last - 1
    while (text.charCodeAt(at) === SPACE) at -= 1
    const isEmpty = text.charCodeAt(at) === NEWLINE && at >= start && at + 1 + indent > last - 1
    if (!isEmpty) return last
    last = at
  }
}
