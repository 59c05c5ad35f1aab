/**
 * YAML text to trees, one for each document: YAML 1.2 with the leniency of libyaml, which Docker Compose reads with.
 * Written here for its speed, for its places, and for its messages; `test/spec/yaml` holds it against the yaml package.
 */
import type { Report } from '../diagnostics/report.ts'
import type { Node, Source } from '../tree/node.ts'
import { readBlock } from './block.ts'
import { Builder } from './builder.ts'
import { Cursor, NEWLINE, YamlError } from './cursor.ts'

/** Errors go to the report; nothing is thrown. A document with an error is left out. */
export function parseYaml(source: Source, report: Report): readonly Node[] {
  const text = source.text.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  const lines: Source = { ...source, text }
  const nodes: Node[] = []
  try {
    refuseControl(text)
    const cursor = new Cursor(text)
    while (nextDocument(cursor)) nodes.push(readDocument(cursor, new Builder(lines, report)))
  } catch (error) {
    if (!(error instanceof YamlError)) throw error
    const place = { source: lines, start: error.start, end: error.end }
    report.error({ rule: 'yaml', place, message: `Cannot read the YAML: ${error.message}` })
  }
  return nodes
}

/** Goes to the content of the next document, or to the end. */
function nextDocument(cursor: Cursor): boolean {
  for (;;) {
    cursor.skipToContent()
    if (cursor.atEnd()) return false
    if (cursor.text[cursor.pos] === '%' && cursor.column() === 0) skipLine(cursor)
    else if (cursor.text.startsWith('...', cursor.pos) && cursor.atMarker()) cursor.pos += 3
    else {
      if (cursor.atMarker()) cursor.pos += 3
      return true
    }
  }
}

function readDocument(cursor: Cursor, builder: Builder): Node {
  const node = readBlock({
    cursor,
    builder,
    depth: 0,
    parentIndent: -1,
    listAtParent: false,
    mayBeginHere: true,
  })
  cursor.skipToContent()
  if (!cursor.atEnd() && !cursor.atMarker()) {
    throw new YamlError('the document has ended before this; check the indentation', cursor.pos)
  }
  return node
}

function skipLine(cursor: Cursor): void {
  while (!cursor.atEnd() && cursor.code() !== NEWLINE) cursor.pos += 1
}

/** Of the control characters, YAML has tab, line feed, carriage return and next line (U+0085). */
function refuseControl(text: string): void {
  const at = text.search(/(?![\t\n\r\u0085])\p{Cc}|[\ufffe\uffff]/u)
  if (at === -1) return
  const code = text.charCodeAt(at).toString(16).padStart(4, '0')
  throw new YamlError(`the control character U+${code} is not allowed`, at)
}
