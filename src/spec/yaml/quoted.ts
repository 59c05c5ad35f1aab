/** Quoted scalars, `'…'` and `"…"`. Line ends fold: one is a space, each further one a line end. */
import { type Cursor, YamlError } from './cursor.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\u0007',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\u001b',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
  N: '\u0085',
  _: '\u00a0',
  L: '\u2028',
  P: '\u2029',
}
/** Hexadecimal digits that follow the letter. */
const HEX: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** Reads a scalar whose quote is at the cursor, and goes past it. */
export function readQuoted(cursor: Cursor): string {
  const start = cursor.pos
  const quote = cursor.text[start] ?? ''
  cursor.pos += 1
  let value = ''
  for (;;) {
    const from = cursor.pos
    const end = nextSpecial(cursor, quote)
    value += cursor.text.slice(from, end)
    cursor.pos = end
    const character = cursor.text[end]
    if (character === undefined) throw new YamlError(`the quote ${quote} is not closed`, start)
    if (character === '\n') value = value.replace(/[ \t]+$/, '') + foldLines(cursor, start)
    else if (character === '\\') value += readEscape(cursor)
    else if (quote === "'" && cursor.text[end + 1] === "'") {
      value += "'"
      cursor.pos += 2
    } else {
      cursor.pos += 1
      return value
    }
  }
}

/** Offset of the next character that is not simply part of the value. */
function nextSpecial({ text, pos }: Cursor, quote: string): number {
  let at = pos
  for (; at < text.length; at++) {
    const character = text[at]
    if (character === quote || character === '\n') return at
    if (character === '\\' && quote === '"') return at
  }
  return at
}

/** Goes over line ends and the indentation after them; the text they stand for. */
function foldLines(cursor: Cursor, start: number): string {
  let count = 0
  while (cursor.text[cursor.pos] === '\n') {
    cursor.pos += 1
    if (cursor.atMarker())
      throw new YamlError('the quote is not closed before the document ends', start)
    cursor.skipBlanks()
    count += 1
  }
  return count === 1 ? ' ' : '\n'.repeat(count - 1)
}

function readEscape(cursor: Cursor): string {
  const at = cursor.pos
  const letter = cursor.text[at + 1] ?? ''
  cursor.pos += 2
  if (letter === '\n') {
    cursor.pos -= 1
    const folded = foldLines(cursor, at)
    return folded === ' ' ? '' : folded
  }
  const digits = HEX[letter]
  if (digits !== undefined) {
    const hex = cursor.text.slice(cursor.pos, cursor.pos + digits)
    const code = Number.parseInt(hex, 16)
    cursor.pos += digits
    if (/^[0-9a-fA-F]+$/.test(hex) && hex.length === digits && code <= 0x10ffff) {
      return String.fromCodePoint(code)
    }
  }
  const value = ESCAPES[letter]
  if (value !== undefined) return value
  throw new YamlError(
    `"\\${letter}" is no escape of a double-quoted string; write "\\\\" for a backslash`,
    at,
    at + 2,
  )
}
