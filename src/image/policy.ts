/** When an image is asked for again although it is here. @see Compose specification, pull_policy */

import { EngineError } from '../errors.ts'

export type PullPolicy =
  | { readonly kind: 'always' | 'missing' | 'never' }
  /** When the last look is older than this. */
  | { readonly kind: 'every'; readonly ms: number }

const DAY_MS = 24 * 3_600_000

const UNITS: Readonly<Record<string, number>> = {
  w: 7 * DAY_MS,
  d: DAY_MS,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
}

/** `build` asks for what is missing, as a builder has had its turn before. Default: missing. */
export function parsePolicy(text: string | undefined): PullPolicy {
  switch (text) {
    case 'always':
    case 'never':
      return { kind: text }
    case undefined:
    case '':
    case 'missing':
    case 'if_not_present':
    case 'build':
      return { kind: 'missing' }
    case 'daily':
      return { kind: 'every', ms: DAY_MS }
    case 'weekly':
      return { kind: 'every', ms: 7 * DAY_MS }
    default:
      return { kind: 'every', ms: parseEvery(text) }
  }
}

/** `every_12h30m`. */
function parseEvery(text: string): number {
  const [, duration = ''] = /^every_((?:\d+[wdhms])+)$/.exec(text) ?? []
  const parts = [...duration.matchAll(/(\d+)([wdhms])/g)]
  const ms = parts.reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0),
    0,
  )
  if (ms > 0) return ms
  throw new EngineError('IMAGE', `Cannot understand pull policy "${text}"`, {
    hint: 'it is always, missing, never, build, daily, weekly or every_DURATION such as every_12h',
  })
}

/** `at`: when the image was looked for last. */
export function isDue(policy: PullPolicy, { at }: { readonly at: number }, now: number): boolean {
  if (policy.kind === 'always') return true
  return policy.kind === 'every' && now - at >= policy.ms
}
