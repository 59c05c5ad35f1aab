/** The data of a launch program: texts, structures and words, one after another. */

import assert from 'node:assert/strict'
import { hasBlank, textRoom } from './blank.ts'
import { SCRATCH, TOP } from './interpreter.ts'
import { type Address, type Word, WORD_BYTES, wordsOf, writeWord } from './operation.ts'

/** What the data of most launches fits into. */
const USUAL_BYTES = 8192

/** A text with blanks in it. */
export interface BlankText {
  readonly text: string
  readonly address: Address
  /** Bytes that are kept for it, without the NUL that ends it. */
  readonly room: number
  /** The word that is to hold its length in bytes; absent: it is ended by NUL. */
  readonly length?: Address
}

export class ProgramData {
  /** Where the next piece goes, but for its alignment. */
  end: Address = TOP
  /** From {@link TOP} on; longer than what is used of it. */
  #buffer: Buffer = Buffer.alloc(USUAL_BYTES)
  readonly #addresses = new Map<string, Address>()
  readonly #texts = new Map<Address, string>()
  readonly #blankTexts: BlankText[] = []

  /** Address of `text`, ended by NUL. The same text is stored once. */
  text(text: string): Address {
    assert(!text.includes('\0'), 'A text of a launch program cannot contain NUL')
    const known = this.#addresses.get(text)
    if (known !== undefined) return known
    const room = textRoom(text)
    const address = this.reserve(room + 1, 1)
    if (hasBlank(text)) this.#blankTexts.push({ text, address, room })
    else this.#buffer.write(text, address - TOP)
    this.#texts.set(address, text)
    this.#addresses.set(text, address)
    return address
  }

  /** Address of `text`, and the word that will hold its length; it has a blank. */
  blank(text: string): { readonly address: Address; readonly length: Address } {
    const room = textRoom(text)
    const [address, length] = [this.reserve(room, 1), this.words([0])]
    this.#blankTexts.push({ text, address, room, length })
    return { address, length }
  }

  /** Texts that are to be filled in. */
  get blankTexts(): readonly BlankText[] {
    return this.#blankTexts
  }

  /** The text at `address`, if one was put there. */
  textAt(address: Address): string | undefined {
    return this.#texts.get(address)
  }

  /** Address of a copy of `content`. */
  bytes(content: Uint8Array, align: number): Address {
    const address = this.reserve(content.length, align)
    this.#buffer.set(content, address - TOP)
    return address
  }

  /** Address of `values`, 8 bytes each. */
  words(values: readonly Word[]): Address {
    const address = this.reserve(WORD_BYTES * values.length, WORD_BYTES)
    const words = wordsOf(this.#buffer, address - TOP, values.length)
    values.forEach((value, index) => writeWord(words, index, value))
    return address
  }

  /** Address of `size` bytes of zeroes, aligned to `align` bytes (a power of two). */
  reserve(size: number, align: number): Address {
    const address = alignUp(this.end, align)
    this.end = address + size
    assert(this.end < SCRATCH, 'The data of a launch program is too large')
    const used = this.end - TOP
    if (used > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(used, 2 * this.#buffer.length))
      this.#buffer.copy(larger)
      this.#buffer = larger
    }
    return address
  }

  get content(): Buffer {
    return this.#buffer.subarray(0, this.end - TOP)
  }

  /** Keeps the texts alone, by which failures are described. */
  forget(): void {
    this.#buffer = Buffer.alloc(0)
    this.#addresses.clear()
  }
}

export function alignUp(address: number, align: number): number {
  return Math.ceil(address / align) * align
}
