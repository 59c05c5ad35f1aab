/** The exec form: a JSON list of texts. */

import { Problem } from './problem.ts'
import type { Word } from './words.ts'

/**
 * The texts of a JSON list; `undefined` for what is none, such as `[ -f x ] && y`. A list that
 * holds anything but texts is a `Problem`.
 */
export function readJsonList(args: Word): readonly string[] | undefined {
  if (!args.text.startsWith('[')) return undefined
  const list = parse(args.text)
  if (!Array.isArray(list)) return undefined
  if (list.every((item) => typeof item === 'string')) return list
  throw new Problem('Cannot use the list: it holds something that is no text', {
    span: args,
    hint: 'put each item in double quotes',
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
