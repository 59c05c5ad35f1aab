/** Extended headers: records of `LENGTH KEY=VALUE\n`, whose values are bytes. @see pax(1) */

const PREFIX = 'SCHILY.xattr.'

/** What the records of one entry say; numbers and times are still text. */
export interface Pax {
  readonly records: ReadonlyMap<string, Buffer>
  readonly xattrs: ReadonlyMap<string, Buffer>
  /** GNU's first form of a sparse map has one record for each number. */
  readonly sparseNumbers: readonly string[]
}

/** @throws {RangeError} for records that are cut, or not as they have to be */
export function parsePax(bytes: Buffer): Pax {
  const records = new Map<string, Buffer>()
  const xattrs = new Map<string, Buffer>()
  const sparseNumbers: string[] = []
  for (let at = 0; at < bytes.length;) {
    const { key, value, end } = parseRecord(bytes, at)
    at = end
    if (key.startsWith(PREFIX)) xattrs.set(key.slice(PREFIX.length), value)
    else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      sparseNumbers.push(value.toString('latin1'))
    } else records.set(key, value)
  }
  return { records, xattrs, sparseNumbers }
}

/** A text record that must not hold NUL, such as a name. */
export function nameRecord(pax: Pax | undefined, key: string): Buffer | undefined {
  const value = pax?.records.get(key)
  if (value?.includes(0)) throw new RangeError(`"${key}" holds a NUL`)
  return value === undefined || value.length === 0 ? undefined : value
}

export function textRecord(pax: Pax | undefined, key: string): string | undefined {
  const text = pax?.records.get(key)?.toString('latin1')
  return text === '' ? undefined : text
}

function parseRecord(bytes: Buffer, start: number) {
  const space = bytes.indexOf(SPACE, start)
  const digits = space === -1 ? '' : bytes.toString('latin1', start, Math.min(space, start + 12))
  const end = /^\d+$/.test(digits) ? start + Number(digits) : -1
  const equals = bytes.indexOf(EQUALS, space)
  const isWhole = end > equals && end <= bytes.length && bytes[end - 1] === NEWLINE
  if (!isWhole || equals === -1) throw new RangeError('an extended header is cut or malformed')
  const key = bytes.toString('utf8', space + 1, equals)
  if (key === '' || key.includes('\0')) throw new RangeError('an extended header has no key')
  return { key, value: bytes.subarray(equals + 1, end - 1), end }
}

const SPACE = 0x20
const EQUALS = 0x3d
const NEWLINE = 0x0a
