/** Revisions of a stack, as `history`, `diff` and `rollback` name them. */

import type { Revision } from '../daemon/index.ts'
import { UsageError } from '../errors.ts'
import type { Context } from './context.ts'
import { askFor } from './request.ts'

export interface History {
  readonly stack: string
  /** Oldest first. */
  readonly revisions: readonly Revision[]
}

export function readHistory({ asking, input }: Context): Promise<History> {
  return askFor(asking, { kind: 'history', input: input() }, 'history')
}

/**
 * The revision of this number; -1 is the one before the newest.
 * @throws UsageError NO_SUCH_REVISION that names those there are.
 */
export function revisionOf({ stack, revisions }: History, word: string): Revision {
  const number = /^-?\d+$/.test(word) ? Number(word) : Number.NaN
  const found =
    number < 0 ? revisions.at(number - 1) : revisions.find((each) => each.number === number)
  if (found) return found
  const known = revisions.map((each) => each.number)
  const range =
    known.length < 2 ? `there is ${known[0] ?? 'none'}` : `there are ${known[0]} to ${known.at(-1)}`
  const what = word === '-1' ? 'a revision before the newest' : `revision "${word}"`
  throw new UsageError(`Cannot find ${what} of stack "${stack}": ${range}`, {
    code: 'NO_SUCH_REVISION',
    hint: 'see them with: tsstack history',
  })
}
