/** What may stand before a value: its tag and its anchor. And what may stand for one: an alias. */
import type { Node } from '../tree/node.ts'
import type { Builder, Properties } from './builder.ts'
import { type Cursor, YamlError } from './cursor.ts'

const ANCHOR = /[^\s,[\]{}]+/y
const TAG = /!(?:<[^>\s]*>|[^\s,[\]{}]*)/y

/** Reads the properties at the cursor that are on its line. */
export function readProperties(cursor: Cursor): Properties {
  let anchor: string | undefined
  let tag: string | undefined
  for (;;) {
    const character = cursor.text[cursor.pos]
    if (character === '&' && anchor === undefined) {
      cursor.pos += 1
      anchor = readName(cursor, 'an anchor')
    } else if (character === '!' && tag === undefined) {
      TAG.lastIndex = cursor.pos
      const written = TAG.exec(cursor.text)?.[0] ?? '!'
      cursor.pos += written.length
      tag = written.replace(/^!<tag:yaml\.org,2002:(.*)>$/, '!!$1')
    } else {
      return { anchor, tag }
    }
    cursor.skipBlanks()
  }
}

export function readAlias(cursor: Cursor, builder: Builder): Node {
  const start = cursor.pos
  cursor.pos += 1
  const name = readName(cursor, 'an alias')
  return builder.alias(name, builder.place(start, cursor.pos))
}

function readName(cursor: Cursor, what: string): string {
  ANCHOR.lastIndex = cursor.pos
  const name = ANCHOR.exec(cursor.text)?.[0]
  if (name === undefined) throw new YamlError(`the name of ${what} is missing`, cursor.pos - 1)
  cursor.pos += name.length
  return name
}
