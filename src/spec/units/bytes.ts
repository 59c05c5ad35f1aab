/** Byte sizes: `512m`, `1.5 GiB`, `64kb`. Units are powers of 1024, whatever their spelling. */

const UNITS = 'kmgtp'
const SIZE = /^(\d+(?:\.\d*)?|\.\d+)\s?(?:([kmgtp])(?:i?b)?|b)?$/i

/** Bytes; undefined when the text is no size. A negative size is only `-1`. */
export function parseBytes(text: string): number | undefined {
  if (text === '-1') return -1
  const match = SIZE.exec(text)
  if (match === null) return undefined
  const [, digits = '', unit] = match
  const power = unit === undefined ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1
  return Math.trunc(Number(digits) * 1024 ** power)
}
