/** Numbers in tar headers: octal text, or for large ones the bytes themselves. */

/** @throws {RangeError} for what is no number, or none that counts exactly */
export function parseNumber(field: Uint8Array): number {
  const first = field[0] ?? 0
  return (first & 0x80) === 0 ? parseOctal(field) : parseBinary(field)
}

/** Octal digits between spaces; nothing at all is 0. */
function parseOctal(field: Uint8Array): number {
  let at = 0
  while (at < field.length && field[at] === SPACE) at += 1
  let value = 0
  for (; at < field.length; at += 1) {
    const byte = field[at] ?? 0
    if (byte === 0 || byte === SPACE) break
    if (byte < ZERO || byte > ZERO + 7) throw new RangeError('a number is not octal')
    value = value * 8 + (byte - ZERO)
  }
  return exact(value)
}

const SPACE = 0x20
const ZERO = 0x30

/** GNU: the rest of the field is a number of two's complement, most significant byte first. */
function parseBinary(field: Uint8Array): number {
  const isNegative = ((field[0] ?? 0) & 0x40) !== 0
  let value = isNegative ? -1n : 0n
  for (const [at, byte] of field.entries()) {
    const bits = at === 0 ? byte & 0x3f : byte
    value = at === 0 ? (value << 6n) | BigInt(bits) : (value << 8n) | BigInt(bits)
  }
  return exact(Number(value))
}

/** A decimal number of a PAX record, `size=123`. */
export function parseDecimal(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw new RangeError('a number is not decimal')
  return exact(Number(text))
}

/** `-12.25` seconds, in two whole numbers. */
export function parseTime(text: string): {
  readonly seconds: number
  readonly nanoseconds: number
} {
  const [, sign = '', whole = '', part = ''] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? []
  if (whole === '') throw new RangeError('a time is no number')
  const nanoseconds = Number(part.slice(0, 9).padEnd(9, '0'))
  if (sign === '') return { seconds: Number(whole), nanoseconds }
  if (nanoseconds === 0) return { seconds: -Number(whole), nanoseconds: 0 }
  return { seconds: -Number(whole) - 1, nanoseconds: 1e9 - nanoseconds }
}

function exact(value: number): number {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError('a number is too large')
}
