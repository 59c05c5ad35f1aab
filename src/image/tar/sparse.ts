/** Maps of files with holes, in the four forms that GNU tar has had. @see GNU tar manual, D.2 */

import { SPARSE_PARTS_MAX } from '../../limits.ts'
import { parseDecimal, parseNumber } from './number.ts'
import type { SparsePart } from './entry.ts'
import { type Pax, textRecord } from './pax.ts'

/** The old form: pairs in the header itself, and in blocks after it while these say so. */
export class OldSparseMap {
  readonly parts: SparsePart[] = []
  readonly realSize: number
  /** Whether another block of pairs follows. */
  isExtended: boolean

  constructor(header: Buffer) {
    this.#read(header.subarray(386, 386 + 4 * PAIR_BYTES))
    this.isExtended = header[482] !== 0
    this.realSize = parseNumber(header.subarray(483, 495))
  }

  extend(block: Buffer): void {
    this.#read(block.subarray(0, 21 * PAIR_BYTES))
    this.isExtended = block[504] !== 0
  }

  #read(pairs: Buffer): void {
    for (let at = 0; at + PAIR_BYTES <= pairs.length; at += PAIR_BYTES) {
      if (pairs[at] === 0) return
      addPart(this.parts, {
        offset: parseNumber(pairs.subarray(at, at + 12)),
        length: parseNumber(pairs.subarray(at + 12, at + PAIR_BYTES)),
      })
    }
  }
}

const PAIR_BYTES = 24

/** Forms 0.0 and 0.1: the map is in extended headers. Undefined when there is none. */
export function paxSparseMap(pax: Pax | undefined): SparsePart[] | undefined {
  const map = textRecord(pax, 'GNU.sparse.map')
  const numbers = map === undefined ? (pax?.sparseNumbers ?? []) : map.split(',')
  const isSparse = map !== undefined || textRecord(pax, 'GNU.sparse.numblocks') !== undefined
  if (!isSparse) return undefined
  if (numbers.length % 2 !== 0) throw new RangeError('a map of holes is cut')
  const parts: SparsePart[] = []
  for (let at = 0; at < numbers.length; at += 2) {
    const [offset = '', length = ''] = numbers.slice(at, at + 2)
    addPart(parts, { offset: parseDecimal(offset), length: parseDecimal(length) })
  }
  return parts
}

/** Form 1.0: the map comes before the data, as lines in whole blocks. */
export class LeadingSparseMap {
  readonly parts: SparsePart[] = []
  #text = ''
  #expected: number | undefined
  #numbers: number[] = []

  /** True once the map is complete, which ends with a block. */
  push(block: Buffer): boolean {
    this.#text += block.toString('latin1')
    for (let end = this.#text.indexOf('\n'); end !== -1; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 1)
      this.#take(parseDecimal(line))
      if (this.parts.length === this.#expected) return true
    }
    if (this.#text.length > 32) throw new RangeError('a map of holes is no list of numbers')
    return false
  }

  #take(value: number): void {
    if (this.#expected === undefined) {
      if (value > SPARSE_PARTS_MAX) throw tooMany()
      this.#expected = value
      return
    }
    this.#numbers.push(value)
    const [offset = 0, length] = this.#numbers
    if (length === undefined) return
    addPart(this.parts, { offset, length })
    this.#numbers = []
  }
}

/** Parts come in order and do not overlap; the data of all of them is `stored` bytes. */
export function checkSparse(
  parts: readonly SparsePart[],
  sizes: { readonly real: number; readonly stored: number },
): void {
  const data = parts.reduce((sum, { length }) => sum + length, 0)
  const last = parts.at(-1)
  const end = last ? last.offset + last.length : 0
  if (data !== sizes.stored || end > sizes.real) {
    throw new RangeError('a map of holes does not fit its file')
  }
}

function addPart(parts: SparsePart[], part: SparsePart): void {
  const last = parts.at(-1)
  if (part.offset < 0 || part.length < 0 || part.offset < (last ? last.offset + last.length : 0)) {
    throw new RangeError('a map of holes goes backwards')
  }
  if (parts.length === SPARSE_PARTS_MAX) throw tooMany()
  parts.push(part)
}

function tooMany(): RangeError {
  return new RangeError(`a file has more than ${SPARSE_PARTS_MAX} parts between holes`)
}
