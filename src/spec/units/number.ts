/** Numbers as text, the way Go prints them; Docker Compose's output is full of them. */

/**
 * Shortest text of a 64-bit float; exponent form below 1e-4 and from 1e6 on, as Go's `%v` (strconv
 * 'g', -1).
 */
export function decimalText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [digits = '0', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power < -4 || power >= 6) {
    const size = String(Math.abs(power)).padStart(2, '0')
    return `${digits}e${power < 0 ? '-' : '+'}${size}`
  }
  return String(value)
}

/** The nearest 32-bit float, as the shortest decimal that names it. */
export function nearestFloat32(value: number): number {
  const single = Math.fround(value)
  if (!Number.isFinite(single)) return value
  for (let digits = 1; digits <= 9; digits++) {
    const candidate = Number(single.toPrecision(digits))
    if (Math.fround(candidate) === single) return candidate
  }
  return single
}

/** Digits of a whole number, without an exponent. */
export function wholeText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString()
}
