/** Hand-written checks of what comes from outside: small, and cheap to load. */

import { UsageError } from '../errors.ts'

/** Returns `value` as what it was found to be, or throws USAGE naming `place`. */
export type Check<T> = (value: unknown, place: string) => T

export const text: Check<string> = (value, place) => {
  if (typeof value !== 'string') throw unfit(place, 'a string')
  // A zero byte would end a path early in the kernel.
  if (value.includes('\0')) throw unfit(place, 'a string without zero bytes')
  return value
}

export const flag: Check<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw unfit(place, 'true or false')
  return value
}

/** A whole number from 0 to 2^53 - 1. */
export const count: Check<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw unfit(place, 'a whole number')
  }
  return value
}

export function listOf<T>(item: Check<T>): Check<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw unfit(place, 'a list')
    return value.map((each, at) => item(each, `${place}[${at}]`))
  }
}

export function recordOf<T>(item: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, place) => {
    const entries = Object.entries(plainObject(value, place))
    return Object.fromEntries(entries.map(([key, each]) => [key, item(each, `${place}.${key}`)]))
  }
}

/** A string that matches `pattern`, described by `wanted`. */
export function textLike(pattern: RegExp, wanted: string): Check<string> {
  return (value, place) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw unfit(place, wanted)
    return value
  }
}

type Fields<T> = { readonly [Key in keyof Required<T>]: Check<Exclude<T[Key], undefined>> }

/** An object with these fields and no other; those in `needed` must be there. */
export function shape<T extends object>(
  fields: Fields<T>,
  needed: readonly (keyof T & string)[],
): Check<T> {
  const checks = new Map(Object.entries<Check<unknown>>(fields))
  return (value, place) => {
    const object = plainObject(value, place)
    for (const key of needed) {
      if (object[key] === undefined) throw unfit(`${place}.${key}`, 'present')
    }
    const checked = Object.entries(object).map(([key, each]) => {
      const check = checks.get(key)
      if (!check) throw unfit(`${place}.${key}`, 'absent')
      return [key, check(each, `${place}.${key}`)] as const
    })
    return Object.fromEntries(checked) as T
  }
}

export function plainObject(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unfit(place, 'an object')
  }
  return value as Readonly<Record<string, unknown>>
}

function unfit(place: string, wanted: string): UsageError {
  return new UsageError(`Cannot understand the request: "${place}" has to be ${wanted}`)
}
