/** The supervisor's side of the boundary for what `up` alone says. */

import { UsageError } from '../errors.ts'
import { flag, listOf, shape, text } from './check.ts'
import type { Check } from './check.ts'
import type { AbortRequest, FollowRequest, LossWish } from './protocol.ts'

export const followRequest: Check<FollowRequest> = shape<FollowRequest>(
  { attach: listOf(text), noAttach: listOf(text), dependencies: flag },
  [],
)

export const abortRequest: Check<AbortRequest> = shape<AbortRequest>(
  { on: oneOf('exit', 'failure'), codeFrom: text },
  ['on'],
)

export const lossWish: Check<LossWish> = oneOf('ask', 'accept')

function oneOf<Word extends string>(...words: readonly Word[]): Check<Word> {
  return (value, place) => {
    const word = words.find((each) => each === value)
    if (word !== undefined) return word
    throw new UsageError(`Cannot understand the request: "${place}" has to be ${words.join(', ')}`)
  }
}
