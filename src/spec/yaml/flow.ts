/** Flow collections, `[…]` and `{…}`, over as many lines as they like. */
import type { Node } from '../tree/node.ts'
import type { Builder, Pair, Properties } from './builder.ts'
import { COLON, type Cursor, endsWord, YamlError } from './cursor.ts'
import { checkPlainStart, endsKey, readPlainLine, readPlainRest } from './plain.ts'
import { readAlias, readProperties } from './properties.ts'
import { readQuoted } from './quoted.ts'

/** Collections inside each other; deeper ones are refused before the stack is at risk. */
export const DEPTH_MAX = 200

export interface FlowContext {
  readonly cursor: Cursor
  readonly builder: Builder
  readonly depth: number
}

/** Reads the collection whose bracket is at the cursor, and goes past it. */
export function readFlow(context: FlowContext): Node {
  const { cursor, depth } = context
  if (depth > DEPTH_MAX) {
    throw new YamlError(`collections are nested more than ${DEPTH_MAX} deep`, cursor.pos)
  }
  return cursor.text[cursor.pos] === '[' ? readFlowList(context) : readFlowMap(context)
}

function readFlowList({ cursor, builder, depth }: FlowContext): Node {
  const start = cursor.pos
  const items: Node[] = []
  const inner = { cursor, builder, depth: depth + 1 }
  cursor.pos += 1
  while (!closes(cursor, ']', start)) {
    const at = cursor.pos
    builder.path.push(items.length)
    const explicit = skipExplicit(cursor)
    const node = readFlowNode(inner)
    if (atColon(cursor, node)) {
      const pair = { key: node, isMerge: false, value: readFlowValue(inner) }
      items.push(builder.map([pair], builder.place(at, cursor.pos)))
    } else if (explicit)
      items.push(
        builder.map(
          [{ key: node, isMerge: false, value: builder.nothing(at) }],
          builder.place(at, cursor.pos),
        ),
      )
    else if (node.kind !== 'reset') items.push(node)
    builder.path.pop()
    separate(cursor, ']', start)
  }
  return { kind: 'list', items, place: builder.place(start, cursor.pos) }
}

function readFlowMap({ cursor, builder, depth }: FlowContext): Node {
  const start = cursor.pos
  const pairs: Pair[] = []
  const inner = { cursor, builder, depth: depth + 1 }
  cursor.pos += 1
  while (!closes(cursor, '}', start)) {
    skipExplicit(cursor)
    const at = cursor.pos
    const key = readFlowNode(inner)
    builder.path.push(cursor.text.slice(at, cursor.pos))
    const value = atColon(cursor, key) ? readFlowValue(inner) : builder.nothing(cursor.pos)
    builder.path.pop()
    pairs.push({ key, isMerge: cursor.text.startsWith('<<', at), value })
    separate(cursor, '}', start)
  }
  return builder.map(pairs, builder.place(start, cursor.pos))
}

/** `? ` before a key adds nothing in a flow collection. */
function skipExplicit(cursor: Cursor): boolean {
  if (cursor.text[cursor.pos] !== '?' || !endsWord(cursor.code(1))) return false
  cursor.pos += 1
  cursor.skipToContent()
  return true
}

/** Goes to the next entry; true, and past the bracket, when there is none. */
function closes(cursor: Cursor, bracket: string, start: number): boolean {
  cursor.skipToContent()
  if (cursor.atEnd() || cursor.atMarker()) {
    throw new YamlError(
      `"${cursor.text[start] ?? ''}" is not closed; "${bracket}" is missing`,
      start,
    )
  }
  if (cursor.text[cursor.pos] !== bracket) return false
  cursor.pos += 1
  return true
}

function separate(cursor: Cursor, bracket: string, start: number): void {
  cursor.skipToContent()
  const character = cursor.text[cursor.pos]
  if (character === ',') cursor.pos += 1
  else if (character !== bracket) {
    const message =
      character === undefined
        ? `"${cursor.text[start] ?? ''}" is not closed; "${bracket}" is missing`
        : `"," or "${bracket}" must come here`
    throw new YamlError(message, character === undefined ? start : cursor.pos)
  }
}

/** After a quoted key or a collection the colon needs no blank. */
function atColon(cursor: Cursor, key: Node): boolean {
  const end = cursor.pos
  cursor.skipToContent()
  if (cursor.code() !== COLON) {
    cursor.pos = end
    return false
  }
  const last = cursor.text[end - 1]
  const isJson = key.kind !== 'scalar' || last === '"' || last === "'"
  if (isJson || endsKey(cursor.code(1), true)) return true
  cursor.pos = end
  return false
}

/** The value after a colon; nothing when the entry ends there. */
function readFlowValue(context: FlowContext): Node {
  const { cursor, builder } = context
  cursor.pos += 1
  cursor.skipToContent()
  const character = cursor.text[cursor.pos]
  if (character === ',' || character === ']' || character === '}')
    return builder.nothing(cursor.pos)
  return readFlowNode(context)
}

function readFlowNode(context: FlowContext): Node {
  const { cursor, builder } = context
  const properties: Properties = readProperties(cursor)
  cursor.skipToContent()
  return builder.finish(readFlowContent(context, properties), properties)
}

function readFlowContent(context: FlowContext, { tag }: Properties): Node {
  const { cursor, builder } = context
  const start = cursor.pos
  const character = cursor.text[start] ?? ''
  if (character === '[' || character === '{') return readFlow(context)
  if (character === '*') return readAlias(cursor, builder)
  if (character === '"' || character === "'") {
    const value = readQuoted(cursor)
    return builder.scalar(value, false, { tag, place: builder.place(start, cursor.pos) })
  }
  const isEmpty = character === ',' || character === ']' || character === '}'
  if (isEmpty || (character === ':' && endsKey(cursor.code(1), true))) return builder.nothing(start)
  checkPlainStart(cursor, true)
  const first = readPlainLine(cursor, true)
  const { value } = readPlainRest(cursor, first, { minIndent: 0, inFlow: true })
  return builder.scalar(value, true, { tag, place: builder.place(start, cursor.pos) })
}
