/** Checks requests of commands that take containers as they are. */

import { UsageError } from '../errors.ts'
import type { LifecycleOptions, LifecycleVerb } from '../planner/index.ts'
import { type Check, count, flag, listOf, shape, text } from './check.ts'
import type { ChangeWish, StackInput } from './protocol.ts'

type Body = Readonly<Record<string, unknown>>

export const changeWish = (body: Body, stackInput: Check<StackInput>): ChangeWish => ({
  verb: lifecycleVerb(body['verb'], 'verb'),
  input: stackInput(body['input'], 'input'),
  options: lifecycleOptions(body['options'], 'options'),
})

const lifecycleOptions = shape<LifecycleOptions>(
  {
    services: listOf(text),
    graceMs: count,
    noDeps: flag,
    killSignal: text,
    stop: flag,
    volumes: flag,
  },
  [],
)

const VERBS = ['start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'remove'] as const

const lifecycleVerb: Check<LifecycleVerb> = (value, place) => {
  const verb = VERBS.find((each) => each === value)
  if (verb !== undefined) return verb
  throw new UsageError(`Cannot understand the request: "${place}" has to be ${VERBS.join(', ')}`)
}
