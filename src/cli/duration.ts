/** How long something has lasted, in the words of `ps`. */

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** The largest unit alone: `3 minutes`, `1 day`; less than a second is `0 seconds`. */
export function durationText(ms: number): string {
  const [name, unit] = UNITS.find(([, size]) => ms >= size) ?? ['second', 1000]
  const count = Math.max(0, Math.floor(ms / unit))
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
