/** Durations: `1m30s`, `500ms`, `1d`. */

/** Nanoseconds of each unit. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
}
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w)/y

/** Nanoseconds; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const negative = text.startsWith('-')
  const body = negative || text.startsWith('+') ? text.slice(1) : text
  if (body === '0') return 0
  let total = 0
  PART.lastIndex = 0
  let end = 0
  for (let part = PART.exec(body); part !== null; part = PART.exec(body)) {
    total += Math.round(Number(part[1]) * (UNITS[part[2] ?? ''] ?? 0))
    end = PART.lastIndex
  }
  if (end === 0 || end !== body.length) return undefined
  return negative ? -total : total
}

/** Go's form: `1h0m0s`, `1m30s`, `1.5s`, `500ms`, `1µs`, `0s`. */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  const sign = nanoseconds < 0 ? '-' : ''
  const size = Math.abs(nanoseconds)
  if (size < 1e3) return `${sign}${size}ns`
  if (size < 1e6) return `${sign}${fraction(size, 1e3)}µs`
  if (size < 1e9) return `${sign}${fraction(size, 1e6)}ms`
  const hours = Math.floor(size / 3600e9)
  const minutes = Math.floor((size % 3600e9) / 60e9)
  const seconds = `${fraction(size % 60e9, 1e9)}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`
}

function fraction(nanoseconds: number, unit: number): string {
  const whole = Math.floor(nanoseconds / unit)
  const digits = Math.log10(unit)
  const rest = String(Math.round(nanoseconds % unit))
    .padStart(digits, '0')
    .replace(/0+$/, '')
  return rest === '' ? String(whole) : `${whole}.${rest}`
}
