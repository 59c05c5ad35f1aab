/** Reads fields of JSON that strangers have written, with errors that name the place. */

import { EngineError } from '../errors.ts'

export type Json = Readonly<Record<string, unknown>>

/** `what` is shown in errors: `manifest of "nginx"`. */
export function parseJson(text: Uint8Array | string, what: string): Json {
  let value: unknown
  try {
    value = JSON.parse(typeof text === 'string' ? text : Buffer.from(text).toString('utf8'))
  } catch (cause) {
    throw broken(what, 'it is no JSON', cause)
  }
  return asObject(value, what)
}

export function asObject(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw broken(what, 'it is no object')
}

/** Absent and null are undefined. */
export function field(object: Json, key: string): unknown {
  // An own key only: `__proto__` and `constructor` are nothing special here.
  const value = Object.hasOwn(object, key) ? object[key] : undefined
  return value === null ? undefined : value
}

export function textField(object: Json, key: string, what: string): string | undefined {
  const value = field(object, key)
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw broken(what, `"${key}" is no text`)
  return withoutNul(value, key, what)
}

/** The kernel's texts end with it: what follows would mean something else there. */
export function withoutNul(text: string, key: string, what: string): string {
  if (text.includes('\0')) throw broken(what, `"${key}" holds a NUL`)
  return text
}

/** A whole number from zero. */
export function countField(object: Json, key: string, what: string): number | undefined {
  const value = field(object, key)
  if (value === undefined || isCount(value)) return value
  throw broken(what, `"${key}" is no whole number`)
}

export function listField(object: Json, key: string, what: string): readonly unknown[] | undefined {
  const value = field(object, key)
  if (value === undefined || Array.isArray(value)) return value as readonly unknown[] | undefined
  throw broken(what, `"${key}" is no list`)
}

export function textsField(object: Json, key: string, what: string): readonly string[] | undefined {
  const list = listField(object, key, what)
  if (list === undefined) return undefined
  if (!list.every((item) => typeof item === 'string')) {
    throw broken(what, `"${key}" is no list of texts`)
  }
  for (const item of list) withoutNul(item, key, what)
  return list
}

export function textMapField(
  object: Json,
  key: string,
  what: string,
): Readonly<Record<string, string>> | undefined {
  const value = field(object, key)
  if (value === undefined) return undefined
  const entries = Object.entries(asObject(value, `"${key}" of ${what}`))
  for (const [name, text] of entries) {
    if (typeof text !== 'string') throw broken(what, `"${key}.${name}" is no text`)
    withoutNul(name, key, what)
    withoutNul(text, key, what)
  }
  return Object.fromEntries(entries) as Record<string, string>
}

/** Content that is not what it has to be; nothing of it is used. */
export function broken(what: string, why: string, cause?: unknown): EngineError {
  return new EngineError('IMAGE_CORRUPT', `Cannot use the ${what}: ${why}`, {
    hint: 'nothing of it was kept; get it again, or tell who made it',
    cause,
  })
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
