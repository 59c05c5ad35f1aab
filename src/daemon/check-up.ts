/** The supervisor's side of the boundary for what `up` alone says. */

import { UsageError } from '../errors.ts'
import { flag, listOf, shape, text } from './check.ts'
import type { Check } from './check.ts'
import type { AbortRequest, FollowRequest, LossWish, WatchMode } from './protocol.ts'

const followRequest: Check<FollowRequest> = shape<FollowRequest>(
  { attach: listOf(text), noAttach: listOf(text), dependencies: flag },
  [],
)

const abortRequest: Check<AbortRequest> = shape<AbortRequest>(
  { on: oneOf('exit', 'failure'), codeFrom: text },
  ['on'],
)

export const lossWish: Check<LossWish> = oneOf('ask', 'accept')

export const whichBuilds: Check<'missing' | 'all'> = oneOf('missing', 'all')

export const watchMode: Check<WatchMode> = oneOf('now', 'changes')

function oneOf<Word extends string>(...words: readonly Word[]): Check<Word> {
  return (value, place) => {
    const word = words.find((each) => each === value)
    if (word !== undefined) return word
    throw new UsageError(`Cannot understand the request: "${place}" has to be ${words.join(', ')}`)
  }
}

/** What an attached `up` shows, and when it ends by itself. */
export function followAndAbort(body: Readonly<Record<string, unknown>>): {
  readonly follow?: FollowRequest
  readonly abort?: AbortRequest
} {
  return {
    ...(body['follow'] !== undefined && { follow: followRequest(body['follow'], 'follow') }),
    ...(body['abort'] !== undefined && { abort: abortRequest(body['abort'], 'abort') }),
  }
}
