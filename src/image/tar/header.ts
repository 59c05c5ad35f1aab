/** One header block of a tar archive: V7, ustar and GNU. @see tar(5) */

import { parseNumber } from './number.ts'

export interface Header {
  readonly name: Buffer
  readonly link: Buffer
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly seconds: number
  /** One character: `0`, `5`, `x` … */
  readonly type: string
  readonly major: number
  readonly minor: number
  readonly isGnu: boolean
}

/** Undefined for a block of zeros. @throws {RangeError} */
export function parseHeader(block: Buffer): Header | undefined {
  const stated = checksumField(block)
  const { unsigned, signed, isZero } = sums(block)
  if (isZero) return undefined
  if (stated !== unsigned && stated !== signed)
    throw new RangeError('a header has a wrong checksum')
  const magic = block.toString('latin1', 257, 265)
  const isUstar = magic.startsWith('ustar\0')
  const isGnu = magic === 'ustar  \0'
  const name = text(block, 0, 100)
  const prefix = isUstar ? text(block, 345, 155) : Buffer.alloc(0)
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    link: text(block, 157, 100),
    mode: parseNumber(block.subarray(100, 108)) & 0o7777,
    uid: parseNumber(block.subarray(108, 116)),
    gid: parseNumber(block.subarray(116, 124)),
    size: parseNumber(block.subarray(124, 136)),
    seconds: parseNumber(block.subarray(136, 148)),
    type: String.fromCharCode(block[156] ?? 0),
    major: isUstar || isGnu ? parseNumber(block.subarray(329, 337)) : 0,
    minor: isUstar || isGnu ? parseNumber(block.subarray(337, 345)) : 0,
    isGnu,
  }
}

function checksumField(block: Buffer): number {
  try {
    return parseNumber(block.subarray(148, 156))
  } catch {
    return -1
  }
}

/** The checksum counts its own field as spaces; old programs added signed bytes. */
function sums(block: Buffer): { unsigned: number; signed: number; isZero: boolean } {
  let [unsigned, high, field] = [0, 0, 0]
  for (let at = 0; at < block.length; at += 1) {
    const byte = block[at] ?? 0
    unsigned += byte
    if (byte > 127) high += 1
  }
  const isZero = unsigned === 0
  for (let at = 148; at < 156; at += 1) {
    const byte = block[at] ?? 0
    field += byte
    if (byte > 127) high -= 1
  }
  unsigned += 8 * 0x20 - field
  return { unsigned, signed: unsigned - 256 * high, isZero }
}

/** Up to the first NUL. */
function text(block: Buffer, start: number, length: number): Buffer {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  return Buffer.from(end === -1 ? field : field.subarray(0, end))
}
