/** Parts of the input schema that several keys share. */
import {
  either,
  fixed,
  integerOrText,
  listOf,
  named,
  numberOrText,
  type Schema,
  text,
  texts,
} from './kinds.ts'

export const ulimits: Schema = named(
  either(integerOrText, fixed({ hard: integerOrText, soft: integerOrText }, ['hard', 'soft'])),
  /^[a-z]+$/,
)

export const extraHosts: Schema = either(named(either(text, listOf(text))), texts)

export const fileMounts: Schema = listOf(
  either(
    text,
    fixed({ source: text, target: text, uid: text, gid: text, mode: numberOrText }, ['source']),
  ),
)
