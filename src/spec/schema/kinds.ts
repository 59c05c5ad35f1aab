/**
 * Building blocks of the input schema: what a value may be before short forms are turned into long
 * ones.
 */
import * as z from 'zod'

export type Schema = z.ZodType

/** A mapping with fixed keys; `x-` keys are allowed everywhere and taken out before. */
export function fixed(
  keys: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema {
  return z.strictObject(
    Object.fromEntries(
      Object.entries(keys).map(([key, schema]) => [
        key,
        required.includes(key) ? schema : schema.optional(),
      ]),
    ),
  )
}

/** A mapping with free keys. */
export function named(value: Schema, key: RegExp = /^[\s\S]*$/): Schema {
  return z.record(z.string().regex(key), value)
}

export const text: Schema = z.string()
export const empty: Schema = z.null()
export const flag: Schema = z.union([z.boolean(), z.string()])
export const strictFlag: Schema = z.boolean()
export const integer: Schema = z.int()
export const integerOrText: Schema = z.union([z.int(), z.string()])
export const numberOrText: Schema = z.union([z.number(), z.string()])
export const numberOnly: Schema = z.number()
export const textOrNull: Schema = z.union([z.string(), z.null()])

/** A list in which no value may appear twice. */
export function unique(item: Schema): Schema {
  const schema = z.array(item).superRefine((items, context) => {
    const seen = new Map<string, number>()
    for (const [index, value] of items.entries()) {
      const key = JSON.stringify(value)
      const earlier = seen.get(key)
      if (earlier === undefined) seen.set(key, index)
      else {
        context.addIssue({
          code: 'custom',
          path: [index],
          message: 'unique: it is in the list already',
        })
      }
    }
  })
  UNIQUE.add(schema)
  return schema
}

const UNIQUE = new WeakSet<object>()

/** The schema was made by {@link unique}. */
export function isUnique(schema: object): boolean {
  return UNIQUE.has(schema)
}

export function listOf(item: Schema): Schema {
  return z.array(item)
}

export function either(...schemas: [Schema, Schema, ...Schema[]]): Schema {
  return z.union(schemas)
}

export function oneOf(...words: [string, ...string[]]): Schema {
  return z.enum(words)
}

export function atLeast(minimum: number): Schema {
  return z.union([z.int().min(minimum), z.string()])
}

export function between(minimum: number, maximum: number): Schema {
  return z.union([z.int().min(minimum).max(maximum), z.string()])
}

export const texts: Schema = unique(text)
export const textOrTexts: Schema = either(text, texts)
/** `NAME=value` entries, or a mapping of single values. */
export const assignments: Schema = either(
  named(z.union([z.string(), z.number(), z.boolean(), z.null()])),
  texts,
)
export const options: Schema = named(z.union([z.string(), z.number()]))
export const command: Schema = either(empty, text, listOf(text))

export function pattern(shape: RegExp): Schema {
  return z.string().regex(shape)
}
