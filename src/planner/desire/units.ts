/**
 * Units of the canonical model. The planner takes only types from the spec room, so that who plans
 * but reads no file loads neither its YAML parser nor its schema.
 */

const MS_OF_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Milliseconds of a duration such as `1m30s`, rounded up, so that a short one is not none; absent:
 * undefined.
 */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  let total = 0
  for (const part of text.matchAll(/(?<amount>\d*\.?\d+)(?<unit>[a-z\u00b5\u03bc]+)/gu)) {
    total += Number(part.groups?.['amount']) * (MS_OF_UNIT[part.groups?.['unit'] ?? ''] ?? 0)
  }
  return Math.ceil(total)
}

/**
 * Bytes of a size, plain (`"1048576"`) or with a unit (`10m`); units are powers of 1024. Absent or
 * no size: undefined.
 */
export function sizeBytes(text: string | undefined): number | undefined {
  const match = /^(?<amount>-?\d+(?:\.\d+)?)\s*(?<unit>[kmgtp]?)i?b?$/iu.exec(text?.trim() ?? '')
  if (match === null) return undefined
  const power = ' kmgtp'.indexOf((match.groups?.['unit'] ?? '').toLowerCase() || ' ')
  return Math.trunc(Number(match.groups?.['amount']) * 1024 ** power)
}

/** The same, where 0 means that there is no limit. */
export function limitBytes(text: string | undefined): number | undefined {
  const bytes = sizeBytes(text)
  return bytes === 0 ? undefined : bytes
}

/** The object without its undefined fields: absent is absent, in memory as in JSON. */
export function present<const T extends object>(fields: T): Present<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Present<T>
}

type Present<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K]
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}
