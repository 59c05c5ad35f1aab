/** The words of the support table: what tsstack does with a key of a stack file. */
import type { Plain } from '../tree/plain.ts'

export type Support =
  | { readonly status: 'built'; readonly remark: string }
  /** Some values work; `gap` says what happens instead of the others. */
  | { readonly status: 'partly'; readonly remark: string; readonly gap: GapOf }
  /** No effect, except that some values ask for what happens anyway. */
  | { readonly status: 'ignored'; readonly remark: string; readonly harmless: readonly Plain[] }
  | { readonly status: 'refused'; readonly remark: string }

/** Where a value stands. */
export interface Place {
  readonly key: string
  /** Value of a key of the service around it; undefined outside of services. */
  readonly sibling: (key: string) => Plain | undefined
}

/** What happens instead of what the value asks for; undefined when it works. */
export type GapOf = (value: Plain, place: Place) => string | undefined

/** Works with every value. */
export function built(remark = ''): Support {
  return { status: 'built', remark }
}

/** Works with some values; `gap` decides, `remark` says which in the table. */
export function partly(remark: string, gap: GapOf): Support {
  return { status: 'partly', remark, gap }
}

/** Works with these values; of the others happens `instead`. */
export function only(values: readonly Plain[], instead: string): Support {
  const words = values.map((value) => `\`${textOf(value)}\``).join(', ')
  return partly(`${words}; otherwise ${instead}`, (value) =>
    values.includes(value) ? undefined : instead,
  )
}

/** Warned about wherever it is used, unless the value is `harmless`. */
export function ignored(reason: string, harmless: readonly Plain[] = []): Support {
  return { status: 'ignored', remark: reason, harmless }
}

/**
 * Why the value has no effect; undefined when it has one, or asks for nothing: null, an empty text,
 * list or mapping.
 */
export function gapOf(support: Support, value: Plain, place: Place): string | undefined {
  if (support.status === 'built' || isNothing(value)) return undefined
  if (support.status === 'partly') return support.gap(value, place)
  if (support.status === 'ignored' && support.harmless.includes(value)) return undefined
  return support.remark
}

export function textOf(value: Plain): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function isNothing(value: Plain): boolean {
  if (value === null || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
