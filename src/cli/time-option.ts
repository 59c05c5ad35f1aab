/** Times on the command line: `--since 10m`, `--until 2026-11-21T14:36:00Z`. */

import { InvalidArgumentError } from 'commander'

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Milliseconds since the epoch. As Docker takes them: a date, seconds since the epoch, or how long
 * ago (`1h30m`).
 */
export function parseTime(value: string): number {
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.floor(Number(value) * 1000)
  const ago = agoMs(value)
  if (ago !== undefined) return Date.now() - ago
  // A date without a zone is local time, as with Docker.
  const local = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00` : value
  const time = Date.parse(local)
  if (/^\d{4}-/.test(value) && !Number.isNaN(time)) return time
  throw new InvalidArgumentError('it is a date, seconds since 1970, or how long ago such as 10m.')
}

function agoMs(value: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(value)) return undefined
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce(
    (sum, [, number, unit = '']) => sum + Number(number) * (UNITS_MS[unit] ?? 0),
    0,
  )
}
