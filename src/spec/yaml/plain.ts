/** Plain scalars: text without quotes, over several lines when the next ones are indented. */
import {
  COLON,
  type Cursor,
  endsWord,
  HASH,
  isFlowIndicator,
  NEWLINE,
  SPACE,
  TAB,
  YamlError,
} from './cursor.ts'

function codes(characters: string): ReadonlySet<number> {
  return new Set(characters.split('').map((character) => character.charCodeAt(0)))
}

/** Characters that begin something else: indicators and what YAML keeps for itself. */
const RESERVED = codes('%@`')
const INDICATORS = codes('?:-,[]{}#&*!|>\'"')

/** Reads the part of a plain scalar that is on the cursor's line. Blanks at its end are not part of it. */
export function readPlainLine(cursor: Cursor, inFlow: boolean): string {
  const start = cursor.pos
  const { text } = cursor
  let end = start
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === NEWLINE) break
    if (code === COLON && endsKey(text.charCodeAt(at + 1), inFlow)) break
    if (code === HASH && at > start && isBlank(text.charCodeAt(at - 1))) break
    if (inFlow && isFlowIndicator(code)) break
    if (!isBlank(code)) end = at + 1
  }
  cursor.pos = end
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** What follows a colon that ends a key. */
export function endsKey(code: number, inFlow: boolean): boolean {
  return endsWord(code) || (inFlow && isFlowIndicator(code))
}

/** Throws when no plain scalar can begin at the cursor. */
export function checkPlainStart(cursor: Cursor, inFlow: boolean): void {
  const code = cursor.code()
  if (RESERVED.has(code)) {
    throw new YamlError(
      `a value cannot begin with "${cursor.text[cursor.pos] ?? ''}"; put it in quotes`,
      cursor.pos,
    )
  }
  if (!INDICATORS.has(code)) return
  const mayBegin = code === COLON || code === 45 || code === 63
  if (mayBegin && !endsKey(cursor.code(1), inFlow)) return
  const hint = code === COLON ? 'the key before it is missing' : 'put it in quotes'
  throw new YamlError(`"${cursor.text[cursor.pos] ?? ''}" cannot stand here; ${hint}`, cursor.pos)
}

export interface PlainLines {
  readonly value: string
  readonly end: number
}

/**
 * Adds the lines that continue a plain scalar, folded. In a block they are indented by at least `minIndent`.
 * Afterwards the cursor is at the scalar's end.
 */
export function readPlainRest(
  cursor: Cursor,
  first: string,
  { minIndent, inFlow }: { readonly minIndent: number; readonly inFlow: boolean },
): PlainLines {
  const pieces = [first]
  let end = cursor.pos
  for (;;) {
    const breaks = nextLine(cursor, minIndent)
    if (breaks === 0 || !continues(cursor, inFlow)) {
      cursor.pos = end
      return { value: pieces.join(''), end }
    }
    const line = readPlainLine(cursor, inFlow)
    if (line === '') {
      cursor.pos = end
      return { value: pieces.join(''), end }
    }
    pieces.push(breaks === 1 ? ' ' : '\n'.repeat(breaks - 1), line)
    end = cursor.pos
  }
}

/** Goes to the next line that is not blank; the number of line ends, or 0 when it is not indented enough. */
function nextLine(cursor: Cursor, minIndent: number): number {
  cursor.skipBlanks()
  let breaks = 0
  while (cursor.code() === NEWLINE) {
    cursor.pos += 1
    breaks += 1
    if (cursor.atMarker()) return 0
    cursor.skipBlanks()
  }
  return breaks > 0 && !cursor.atEnd() && cursor.column() >= minIndent ? breaks : 0
}

function continues(cursor: Cursor, inFlow: boolean): boolean {
  const code = cursor.code()
  if (code === HASH) return false
  return !(inFlow && isFlowIndicator(code))
}
