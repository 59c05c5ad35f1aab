/** Block scalars: `|` keeps the lines, `>` folds them. */
import { type Cursor, NEWLINE, SPACE, TAB, YamlError } from './cursor.ts'

interface Header {
  readonly folded: boolean
  /** `-` strips the line ends at the end, `+` keeps all of them, '' keeps one. */
  readonly chomp: '' | '-' | '+'
  /** Indentation given as a digit; 0 when it is not. */
  readonly indent: number
}

/** Reads a block scalar whose indicator is at the cursor. `parentIndent` is the column of the block around it, or -1. */
export function readBlockScalar(cursor: Cursor, parentIndent: number): string {
  const header = readHeader(cursor)
  const indent =
    header.indent > 0
      ? Math.max(0, parentIndent) + header.indent
      : Math.max(parentIndent + 1, 1, detectIndent(cursor))
  const { value, lineBreak, blankLines } = readLines(cursor, indent, header.folded)
  // The line end before the next line belongs to whatever comes next.
  if (cursor.code(-1) === NEWLINE) cursor.pos -= 1
  if (header.chomp === '-') return value
  return value + lineBreak + (header.chomp === '+' ? blankLines : '')
}

interface Lines {
  readonly value: string
  /** Line end of the last line, and of the blank ones after it. */
  readonly lineBreak: string
  readonly blankLines: string
}

function readLines(cursor: Cursor, indent: number, folded: boolean): Lines {
  let value = ''
  let lineBreak = ''
  let blankLines = skipBlankLines(cursor, indent)
  let wasIndented = false
  while (hasLine(cursor, indent)) {
    cursor.pos += indent
    // Lines that are indented further keep their line ends.
    const isIndented = cursor.code() === SPACE || cursor.code() === TAB
    const folds = folded && lineBreak !== '' && !wasIndented && !isIndented
    value += (folds ? (blankLines === '' ? ' ' : '') : lineBreak) + blankLines
    wasIndented = isIndented
    const end = cursor.text.indexOf('\n', cursor.pos)
    value += cursor.text.slice(cursor.pos, end === -1 ? undefined : end)
    cursor.pos = end === -1 ? cursor.text.length : end + 1
    lineBreak = end === -1 ? '' : '\n'
    blankLines = skipBlankLines(cursor, indent)
  }
  return { value, lineBreak, blankLines }
}

function readHeader(cursor: Cursor): Header {
  const line = /[|>]([-+0-9]*)[ \t]*(?:(?<=[ \t])#[^\n]*)?(?=\n|$)/y
  line.lastIndex = cursor.pos
  const match = line.exec(cursor.text)
  const marks = /^(?:([-+])?([1-9])?|([1-9])([-+]))$/.exec(match?.[1] ?? '?')
  if (match === null || marks === null) {
    throw new YamlError('after | or > come only + or -, a digit, and a comment', cursor.pos)
  }
  const folded = cursor.text[cursor.pos] === '>'
  cursor.pos = Math.min(cursor.text.length, cursor.pos + match[0].length + 1)
  const chomp = (marks[1] ?? marks[4] ?? '') as Header['chomp']
  return { folded, chomp, indent: Number(marks[2] ?? marks[3] ?? 0) }
}

/** Column of the first line that is not blank. */
function detectIndent({ text, pos }: Cursor): number {
  let widest = 0
  for (let at = pos; at < text.length;) {
    let column = 0
    while (text.charCodeAt(at + column) === SPACE) column += 1
    widest = Math.max(widest, column)
    const next = text.charCodeAt(at + column)
    if (next !== NEWLINE && !Number.isNaN(next)) return column
    at += column + 1
  }
  return widest
}

/** Goes over lines with nothing but indentation; returns a line end for each. */
function skipBlankLines(cursor: Cursor, indent: number): string {
  let breaks = ''
  for (;;) {
    let column = 0
    while (column < indent && cursor.code(column) === SPACE) column += 1
    if (cursor.code(column) !== NEWLINE) return breaks
    cursor.pos += column + 1
    breaks += '\n'
  }
}

function hasLine(cursor: Cursor, indent: number): boolean {
  if (cursor.atEnd()) return false
  for (let column = 0; column < indent; column++) if (cursor.code(column) !== SPACE) return false
  return !Number.isNaN(cursor.code(indent))
}
