/** How long ago something was, as Docker writes it: `3 weeks ago`. */

const STEPS: readonly (readonly [name: string, seconds: number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** `at` and `now` are milliseconds since the epoch. */
export function ageText(at: number, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1000))
  const [name, step] = STEPS.find(([, each]) => seconds >= each * 2) ?? ['second', 1]
  const count = Math.floor(seconds / step)
  return `${count} ${name}${count === 1 ? '' : 's'} ago`
}
