/**
 * Building blocks of the input schema: what a value may be before short forms are turned into long
 * ones. Each is a zod schema and the test of trees that says the same; zod takes long to make one,
 * so that it does when somebody asks: for what is wrong with a file, or for the JSON schema.
 */
import * as z from 'zod'
import {
  anyOf,
  isFlag,
  isNothing,
  isNumber,
  isText,
  itemsOf,
  mappingOf,
  oneOfWords,
  recordOf,
  type Test,
  textLike,
  wholeNumber,
} from './quick.ts'

export class Schema {
  readonly #make: () => z.ZodType
  #zod: z.ZodType | undefined
  /** True: zod accepts the node, but for keys that begin with `x-`. */
  readonly fits: Test

  constructor(make: () => z.ZodType, fits: Test) {
    this.#make = make
    this.fits = fits
  }

  get zod(): z.ZodType {
    return (this.#zod ??= this.#make())
  }
}

/** A mapping with fixed keys; `x-` keys are allowed everywhere and taken out before. */
export function fixed(
  keys: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema {
  const make = (): z.ZodType =>
    z.strictObject(
      Object.fromEntries(
        Object.entries(keys).map(([key, { zod }]) => [
          key,
          required.includes(key) ? zod : zod.optional(),
        ]),
      ),
    )
  return new Schema(make, mappingOf(keys, required))
}

/** A mapping with free keys. */
export function named(value: Schema, key?: RegExp): Schema {
  const make = (): z.ZodType => z.record(z.string().regex(key ?? /^[\s\S]*$/), value.zod)
  return new Schema(make, recordOf(value, key))
}

export const text: Schema = new Schema(() => z.string(), isText)
export const empty: Schema = new Schema(() => z.null(), isNothing)
export const strictFlag: Schema = new Schema(() => z.boolean(), isFlag)
export const integer: Schema = new Schema(() => z.int(), wholeNumber())
export const numberOnly: Schema = new Schema(() => z.number(), isNumber)
export const flag: Schema = either(strictFlag, text)
export const integerOrText: Schema = either(integer, text)
export const numberOrText: Schema = either(numberOnly, text)
export const textOrNull: Schema = either(text, empty)

/** A list in which no value may appear twice. */
export function unique(item: Schema): Schema {
  const make = (): z.ZodType =>
    z.array(item.zod).superRefine((items, context) => {
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
  return new Schema(() => make().meta({ uniqueItems: true }), itemsOf(item, { unique: true }))
}

export function listOf(item: Schema): Schema {
  return new Schema(() => z.array(item.zod), itemsOf(item, { unique: false }))
}

export function either(...schemas: [Schema, Schema, ...Schema[]]): Schema {
  return new Schema(() => z.union(schemas.map(({ zod }) => zod)), anyOf(schemas))
}

export function oneOf(...words: [string, ...string[]]): Schema {
  return new Schema(() => z.enum(words), oneOfWords(words))
}

export function atLeast(minimum: number): Schema {
  return either(new Schema(() => z.int().min(minimum), wholeNumber(minimum)), text)
}

export function between(minimum: number, maximum: number): Schema {
  const make = (): z.ZodType => z.int().min(minimum).max(maximum)
  return either(new Schema(make, wholeNumber(minimum, maximum)), text)
}

export const texts: Schema = unique(text)
export const textOrTexts: Schema = either(text, texts)
/** `NAME=value` entries, or a mapping of single values. */
export const assignments: Schema = either(named(either(text, numberOnly, strictFlag, empty)), texts)
export const options: Schema = named(either(text, numberOnly))
export const command: Schema = either(empty, text, listOf(text))

export function pattern(shape: RegExp): Schema {
  return new Schema(() => z.string().regex(shape), textLike(shape))
}
