/** What would take the YAML parser minutes, gigabytes or the call stack is refused before it. */
import { STACK_FILE_VALUES_MAX } from '../../limits.ts'
import type { Report } from '../diagnostics/report.ts'
import type { Source } from './node.ts'

/**
 * Collections inside each other; real files have at most a dozen. Deeper ones would exhaust the
 * call stack.
 */
export const DEPTH_MAX = 200

export function isRefused(source: Source, report: Report): boolean {
  const { text } = source
  const { values, deepBracket } = countValues(text)
  const deep = deepMarks(text) ?? deepBracket ?? deepIndentation(text)
  if (deep === undefined && values <= STACK_FILE_VALUES_MAX) return false
  const start = deep ?? 0
  report.error({
    rule: deep === undefined ? 'yaml-size' : 'yaml-depth',
    place: { source, start, end: start + 1 },
    message:
      deep === undefined
        ? `Cannot read the YAML: the file has ${values} lines, commas and brackets; ` +
          `at most ${STACK_FILE_VALUES_MAX} are read`
        : `Cannot read the YAML: collections are nested more than ${DEPTH_MAX} deep`,
  })
  return true
}

/** Offset of `-` and `?` that open too many collections in a row on one line. */
function deepMarks(text: string): number | undefined {
  return new RegExp(`(?:[-?] ){${DEPTH_MAX},}`).exec(text)?.index
}

const NEWLINE = 0x0a
const COMMA = 0x2c
const SQUARE = 0x5b
const SQUARE_END = 0x5d
const CURLY = 0x7b
const CURLY_END = 0x7d

/**
 * Newlines, commas and open brackets, and the offset where too many brackets are open. Brackets
 * inside quotes count too; no real file has so many that stay open.
 */
function countValues(text: string): { values: number; deepBracket: number | undefined } {
  let values = 0
  let open = 0
  let deepBracket: number | undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === NEWLINE || code === COMMA) values += 1
    else if (code === SQUARE || code === CURLY) {
      values += 1
      open += 1
      if (open > DEPTH_MAX) deepBracket ??= at
    } else if (open > 0 && (code === SQUARE_END || code === CURLY_END)) open -= 1
  }
  return { values, deepBracket }
}

/** Offset of the line that has more levels of indentation above it than allowed. */
function deepIndentation(text: string): number | undefined {
  const columns: number[] = []
  for (let start = 0; start < text.length; start = lineAfter(text, start)) {
    let first = start
    while (text[first] === ' ') first += 1
    if (first === text.length || text[first] === '\n' || text[first] === '#') continue
    const indent = first - start
    while ((columns.at(-1) ?? -1) >= indent) columns.pop()
    columns.push(indent)
    if (columns.length > DEPTH_MAX) return first
  }
  return undefined
}

/** Offset after the next newline; the text's end when there is none. */
function lineAfter(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  return end === -1 ? text.length : end + 1
}
