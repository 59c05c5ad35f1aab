/** Block collections: mappings and lists whose structure is their indentation. */
import type { Node } from '../tree/node.ts'
import { readBlockScalar } from './block-scalar.ts'
import type { Builder, Pair, Properties } from './builder.ts'
import { COLON, type Cursor, DASH, endsWord, HASH, NEWLINE, YamlError } from './cursor.ts'
import { DEPTH_MAX, readFlow } from './flow.ts'
import { checkPlainStart, readPlainLine, readPlainRest } from './plain.ts'
import { readAlias, readProperties } from './properties.ts'
import { readQuoted } from './quoted.ts'

/** Characters of a key that stands before its colon without `?`. */
const KEY_LENGTH_MAX = 1024

export interface BlockContext {
  readonly cursor: Cursor
  readonly builder: Builder
  readonly depth: number
  /** Column of the block around the value; -1 for a document. */
  readonly parentIndent: number
  /** A list may begin in the column of the mapping that it is a value of. */
  readonly listAtParent: boolean
  /** A collection may begin on the line where the cursor is. */
  readonly mayBeginHere: boolean
}

/** Reads a value after a document's beginning, a `-`, or a colon. Nothing there is `null`. */
export function readBlock(context: BlockContext): Node {
  const { cursor, builder } = context
  const start = cursor.pos
  let properties: Properties = {}
  let mayBegin = context.mayBeginHere
  for (;;) {
    const end = cursor.pos
    const crossed = cursor.skipToContent()
    mayBegin ||= crossed
    if (isAbsent(context, crossed)) {
      cursor.pos = end
      return builder.finish(builder.nothing(start), properties)
    }
    if (crossed) cursor.refuseTab()
    const column = mayBegin ? cursor.column() : -1
    const before = cursor.pos
    const here = readProperties(cursor)
    if (cursor.pos === before || !isLineEnd(cursor)) {
      cursor.pos = before
      return readContent({ ...context, mayBeginHere: mayBegin }, properties, column)
    }
    properties = { anchor: here.anchor ?? properties.anchor, tag: here.tag ?? properties.tag }
  }
}

function isLineEnd(cursor: Cursor): boolean {
  return cursor.atEnd() || cursor.code() === NEWLINE || cursor.code() === HASH
}

/** What comes next belongs to a block further out. */
function isAbsent({ cursor, parentIndent, listAtParent }: BlockContext, crossed: boolean): boolean {
  if (cursor.atEnd() || cursor.atMarker()) return true
  if (!crossed) return false
  const column = cursor.column()
  if (column > parentIndent) return false
  const isList = cursor.code() === DASH && endsWord(cursor.code(1))
  return !(isList && listAtParent && column === parentIndent)
}

/** `outer` are properties of an earlier line: they are the collection's. Those on the line may be the first key's. */
function readContent(context: BlockContext, outer: Properties, column: number): Node {
  const { cursor, builder, mayBeginHere } = context
  const start = cursor.pos
  if (context.depth > DEPTH_MAX) {
    throw new YamlError(`collections are nested more than ${DEPTH_MAX} deep`, start)
  }
  if (endsWord(cursor.code(1))) {
    const character = cursor.text[start]
    if (character === '-' || character === '?') {
      if (!mayBeginHere) throw new YamlError('a block list or key cannot begin on this line', start)
      const node = character === '-' ? readList(context, column) : readMap(context, column)
      return builder.finish(node, outer)
    }
  }
  if (mayBeginHere && keyFollows(cursor)) return builder.finish(readMap(context, column), outer)
  const own = readProperties(cursor)
  const properties = { anchor: own.anchor ?? outer.anchor, tag: own.tag ?? outer.tag }
  return builder.finish(readScalar(context, properties), properties)
}

/** Looks ahead: a key and its colon on this line. The cursor stays. */
function keyFollows(cursor: Cursor): boolean {
  const start = cursor.pos
  try {
    readProperties(cursor)
    skipKey(cursor)
    cursor.skipBlanks()
    const isKey = cursor.code() === COLON && endsWord(cursor.code(1))
    return isKey && cursor.pos - start <= KEY_LENGTH_MAX
  } catch (error) {
    if (error instanceof YamlError) return false
    throw error
  } finally {
    cursor.pos = start
  }
}

/** How keys that are no plain text look like, by their first character; all of it on one line. */
const KEY_FORMS: Readonly<Record<string, RegExp>> = {
  '"': /"(?:[^"\\\n]|\\[^\n])*"/y,
  "'": /'(?:[^'\n]|'')*'/y,
  '[': /[^\n]*?\](?=[ \t]*:(?:\s|$))/y,
  '{': /[^\n]*?\}(?=[ \t]*:(?:\s|$))/y,
  '*': /\*[^\s,[\]{}]+/y,
  // Block scalars are no keys.
  '|': /(?!)/y,
  '>': /(?!)/y,
}

function skipKey(cursor: Cursor): void {
  const form = KEY_FORMS[cursor.text[cursor.pos] ?? '']
  if (form === undefined) {
    readPlainLine(cursor, false)
    return
  }
  form.lastIndex = cursor.pos
  cursor.pos += form.exec(cursor.text)?.[0].length ?? 0
}

function readScalar(context: BlockContext, { tag }: Properties): Node {
  const { cursor, builder, parentIndent, depth } = context
  const start = cursor.pos
  const character = cursor.text[start] ?? ''
  if (character === '*') return readAlias(cursor, builder)
  if (character === '[' || character === '{') return readFlow({ cursor, builder, depth })
  if (character === '|' || character === '>') {
    const value = readBlockScalar(cursor, parentIndent)
    const end = cursor.text.indexOf('\n', start)
    const place = builder.place(start, end === -1 ? cursor.pos : end)
    return builder.scalar(value, false, { tag, place })
  }
  if (character === '"' || character === "'") {
    const value = readQuoted(cursor)
    return builder.scalar(value, false, { tag, place: builder.place(start, cursor.pos) })
  }
  if (isLineEnd(cursor)) return builder.nothing(start)
  checkPlainStart(cursor, false)
  const first = readPlainLine(cursor, false)
  const { value } = readPlainRest(cursor, first, { minIndent: parentIndent + 1, inFlow: false })
  return builder.scalar(value, true, { tag, place: builder.place(start, cursor.pos) })
}

function readList(context: BlockContext, column: number): Node {
  const { cursor, builder, depth } = context
  const start = cursor.pos
  const items: Node[] = []
  let end = start
  do {
    cursor.pos += 1
    builder.path.push(items.length)
    const item = readBlock({
      cursor,
      builder,
      depth: depth + 1,
      parentIndent: column,
      listAtParent: false,
      mayBeginHere: true,
    })
    builder.path.pop()
    if (item.kind !== 'reset') items.push(item)
    end = cursor.pos
  } while (nextEntry(cursor, column, true))
  return { kind: 'list', items, place: builder.place(start, end) }
}

function readMap(context: BlockContext, column: number): Node {
  const { cursor, builder } = context
  const start = cursor.pos
  const pairs: Pair[] = []
  let end = start
  do {
    if (cursor.code() === DASH && endsWord(cursor.code(1))) {
      throw new YamlError('a list entry cannot stand between the keys of a mapping', cursor.pos)
    }
    pairs.push(readPair(context, column))
    end = cursor.pos
  } while (nextEntry(cursor, column, false))
  return builder.map(pairs, builder.place(start, end))
}

/** Goes to the next entry of the block at `column`; false, and back, when the block ends. */
function nextEntry(cursor: Cursor, column: number, isList: boolean): boolean {
  const end = cursor.pos
  const crossed = cursor.skipToContent()
  if (cursor.atEnd() || cursor.atMarker()) {
    cursor.pos = end
    return false
  }
  if (!crossed) {
    const isColon = cursor.code() === COLON
    throw new YamlError(
      isColon
        ? 'mapping values are not allowed in this context; check the indentation, or put the value in quotes'
        : 'the value has ended before this; put all of it in quotes, or begin a new line',
      cursor.pos,
    )
  }
  cursor.refuseTab()
  const next = cursor.column()
  if (next > column) {
    throw new YamlError('the indentation fits nothing above; did not find expected key', cursor.pos)
  }
  const isItem = cursor.code() === DASH && endsWord(cursor.code(1))
  if (next === column && (isItem || !isList)) return true
  cursor.pos = end
  return false
}

function readPair(context: BlockContext, column: number): Pair {
  const { cursor, builder, depth } = context
  const start = cursor.pos
  const inner = { cursor, builder, depth: depth + 1, parentIndent: column, listAtParent: true }
  if (cursor.text[start] === '?' && endsWord(cursor.code(1))) {
    cursor.pos += 1
    const key = readBlock({ ...inner, listAtParent: false, mayBeginHere: true })
    const hasValue = nextColon(cursor, column)
    const value = hasValue ? readBlock({ ...inner, mayBeginHere: true }) : builder.nothing(start)
    return { key, isMerge: false, value }
  }
  if (!keyFollows(cursor)) {
    throw new YamlError(
      "a key with a colon must come here; could not find expected ':'",
      start,
      lineEnd(cursor),
    )
  }
  const properties = readProperties(cursor)
  const at = cursor.pos
  const key = builder.finish(readKey(context, properties), properties)
  cursor.skipBlanks()
  cursor.pos += 1
  builder.path.push(key.kind === 'scalar' ? String(key.value) : '?')
  const value = readBlock({ ...inner, mayBeginHere: false })
  builder.path.pop()
  return {
    key,
    isMerge: cursor.text.startsWith('<<', at) && key.kind === 'scalar' && key.value === '<<',
    value,
  }
}

function readKey(context: BlockContext, { tag }: Properties): Node {
  const { cursor, builder } = context
  const start = cursor.pos
  const character = cursor.text[start] ?? ''
  if ('"\'*[{'.includes(character)) return readScalar(context, { tag })
  const text = readPlainLine(cursor, false)
  return builder.scalar(text, true, { tag, place: builder.place(start, cursor.pos) })
}

/** The `:` of an explicit key, on a line of its own. */
function nextColon(cursor: Cursor, column: number): boolean {
  const end = cursor.pos
  cursor.skipToContent()
  if (
    !cursor.atEnd() &&
    cursor.column() === column &&
    cursor.code() === COLON &&
    endsWord(cursor.code(1))
  ) {
    cursor.pos += 1
    return true
  }
  cursor.pos = end
  return false
}

function lineEnd({ text, pos }: Cursor): number {
  const end = text.indexOf('\n', pos)
  return end === -1 ? text.length : end
}
