/**
 * The grammar of `.env` files and of `env_file`: one `NAME=value` after another, quoted values may
 * span lines.
 */
import type { Report } from '../diagnostics/report.ts'
import { type Lookup, substitute, TemplateError } from '../interpolate/template.ts'
import type { Source } from '../tree/node.ts'

export interface DotenvOptions {
  /** Variables from outside: they win over those of the file itself when a value names them. */
  readonly lookup: Lookup
  readonly report: Report
}

/**
 * What is written in double quotes after a backslash. `\$` stays a dollar through the substitution
 * that follows.
 */
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  c: '\\c',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  $: '$$',
  '"': '"',
  '\\': '\\',
}
const ESCAPE = /\\(?:([abcfnrtv$"\\])|0([0-7]{1,3})|0)/g
const NAME = /^[\p{L}\p{N}_.\-[\]]+$/u
const BLANK = /[\t\v\f\r \u0085\u00a0]/

/**
 * Adds the variables of a file to `into`, in order, so that a value may use earlier ones.
 * A name alone takes the value from outside, or none.
 */
export function parseDotenv(
  source: Source,
  into: Map<string, string>,
  { lookup, report }: DotenvOptions,
): void {
  const reader = new Reader(source)
  for (let at = reader.nextStatement(); at !== undefined; at = reader.nextStatement()) {
    const statement = reader.readStatement(report)
    if (statement === undefined) continue
    const { name, value } = statement
    if (value === undefined) {
      const outside = lookup(name)
      if (outside !== undefined) into.set(name, outside)
      continue
    }
    into.set(name, expand(statement, { into, lookup, report, source }))
  }
}

interface Statement {
  readonly name: string
  /** Absent: the name stood alone. */
  readonly value: string | undefined
  readonly quote: "'" | '"' | ''
  readonly start: number
  readonly end: number
}

interface Expansion {
  readonly into: ReadonlyMap<string, string>
  readonly lookup: Lookup
  readonly report: Report
  readonly source: Source
}

function expand(statement: Statement, { into, lookup, report, source }: Expansion): string {
  const { value = '', quote, start, end } = statement
  if (quote === "'") return value
  const template = quote === '"' ? unescape(value) : value
  try {
    return substitute(template, (name) => lookup(name) ?? into.get(name))
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    report.error({
      rule: 'env-file',
      place: { source, start, end },
      message: `Cannot fill in the value of "${statement.name}": ${error.message}`,
    })
    return ''
  }
}

function unescape(value: string): string {
  return value.replaceAll(
    ESCAPE,
    (whole, letter: string | undefined, octal: string | undefined) => {
      if (letter !== undefined) return ESCAPES[letter] ?? whole
      return octal === undefined ? whole : String.fromCharCode(Number.parseInt(octal, 8))
    },
  )
}

class Reader {
  readonly #source: Source
  readonly #text: string
  #at: number

  constructor(source: Source) {
    this.#source = source
    this.#text = source.text
    this.#at = source.text.startsWith('\uFEFF') ? 1 : 0
  }

  /** Goes to the next statement, over blank lines and comments; undefined at the end. */
  nextStatement(): number | undefined {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] ?? ''
      if (character === '#') this.#at = this.#lineEnd(this.#at) - 1
      else if (character !== '\n' && !BLANK.test(character)) return this.#at
    }
    return undefined
  }

  /**
   * Reads one statement and goes past it; undefined when it is wrong, which is in the report then.
   */
  readStatement(report: Report): Statement | undefined {
    const start = this.#at
    const lineEnd = this.#lineEnd(start)
    const line = this.#text.slice(start, lineEnd)
    const nameStart = /^export[^\S\n]+/.exec(line)?.[0].length ?? 0
    const separator = line.slice(nameStart).search(/[=:]/)
    const nameEnd = separator === -1 ? line.length : nameStart + separator
    const name = line.slice(nameStart, nameEnd).trim()
    if (!NAME.test(name)) {
      this.#at = lineEnd
      this.#reportName({ name, start, end: lineEnd }, report)
      return undefined
    }
    if (separator === -1) {
      this.#at = lineEnd
      return { name, value: undefined, quote: '', start, end: lineEnd }
    }
    let at = start + nameEnd + 1
    while (BLANK.test(this.#text[at] ?? '')) at += 1
    const quote = this.#text[at]
    if (quote === '"' || quote === "'") return this.#readQuoted({ name, start, at, quote }, report)
    this.#at = lineEnd
    const value = (this.#text.slice(at, Math.max(at, lineEnd)).split(' #', 1)[0] ?? '').trimEnd()
    return { name, value, quote: '', start, end: lineEnd }
  }

  #readQuoted(
    { name, start, at, quote }: { name: string; start: number; at: number; quote: "'" | '"' },
    report: Report,
  ): Statement | undefined {
    const end = closingQuote(this.#text, at, quote)
    if (end === -1) {
      this.#at = this.#text.length
      report.error({
        rule: 'env-file',
        place: { source: this.#source, start: at, end: this.#lineEnd(at) },
        message: `Cannot read the value of "${name}": its quote ${quote} is not closed`,
      })
      return undefined
    }
    this.#at = end + 1
    const value = this.#text.slice(at + 1, end).replaceAll(`\\${quote}`, quote)
    if (!this.#endsCleanly(report)) return undefined
    return { name, value, quote, start, end: end + 1 }
  }

  /** After a closing quote only a comment may follow on the line. */
  #endsCleanly(report: Report): boolean {
    const lineEnd = this.#lineEnd(this.#at)
    const rest = this.#text.slice(this.#at, lineEnd)
    if (rest.trim() === '' || rest.trimStart().startsWith('#')) return true
    report.error({
      rule: 'env-file',
      place: { source: this.#source, start: this.#at, end: lineEnd },
      message: `Cannot read "${rest.trim()}" after a closing quote: only a comment may follow`,
    })
    this.#at = lineEnd
    return false
  }

  #reportName(at: { name: string; start: number; end: number }, report: Report): void {
    const place = { source: this.#source, start: at.start, end: at.end }
    if (at.name === '') {
      const message = 'A line without a variable name is ignored'
      report.warn({ rule: 'env-file', place, message })
      return
    }
    report.error({
      rule: 'env-file',
      place,
      message:
        `Cannot use "${at.name}" as a variable name: ` +
        'only letters, digits, "_", "." and "-" may be in it',
    })
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf('\n', from)
    return end === -1 ? this.#text.length : end
  }
}

/**
 * Offset of the quote that closes the one at `open`; one after a backslash does not. -1: there is
 * none.
 */
function closingQuote(text: string, open: number, quote: string): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === quote) return at
  }
  return -1
}
