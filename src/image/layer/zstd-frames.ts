/**
 * zstd archives of any number of frames: node reads the first and stops, but layers of podman's
 * zstd:chunked have hundreds. Only where a frame ends is read here. @see RFC 8878, 3.1.1
 */

import type { Decompressor } from './decompress.ts'

/** What is still to come before it is known how the archive goes on. */
type Next = 'magic' | 'header' | 'block' | 'skippable'

/** `open` makes a decompressor of one frame. */
export class ZstdFrames implements Decompressor {
  readonly #open: () => Decompressor
  #frame: Decompressor | undefined
  #next: Next = 'magic'
  /** The start of what comes next, while it is not whole. */
  #start: Buffer = Buffer.alloc(0)
  /** Bytes of the frame that need not be understood. */
  #passes = 0
  /** Bytes that are no part of any frame. */
  #skips = 0
  #hasChecksum = false
  #isLast = false

  constructor(open: () => Decompressor) {
    this.#open = open
  }

  async write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#passes > 0) rest = await this.#pass(rest)
      else if (this.#skips > 0) rest = this.#skip(rest)
      else rest = await this.#take(rest)
    }
  }

  async end(): Promise<void> {
    const isBetween = this.#next === 'magic' && this.#start.length === 0 && this.#skips === 0
    if (!isBetween || this.#frame !== undefined) throw new RangeError('its zstd data is cut off')
    await Promise.resolve()
  }

  destroy(): void {
    this.#frame?.destroy()
  }

  /** Hands on bytes of the frame; after its last it ends. */
  async #pass(chunk: Buffer): Promise<Buffer> {
    const bytes = Math.min(this.#passes, chunk.length)
    await this.#frame?.write(chunk.subarray(0, bytes))
    this.#passes -= bytes
    if (this.#passes === 0 && this.#isLast) await this.#endFrame()
    return chunk.subarray(bytes)
  }

  #skip(chunk: Buffer): Buffer {
    const bytes = Math.min(this.#skips, chunk.length)
    this.#skips -= bytes
    return chunk.subarray(bytes)
  }

  /** Collects what has to be understood. */
  async #take(chunk: Buffer): Promise<Buffer> {
    const needed = this.#bytesNeeded()
    const missing = needed - this.#start.length
    this.#start = Buffer.concat([this.#start, chunk.subarray(0, missing)])
    if (this.#start.length === this.#bytesNeeded()) await this.#understand()
    return chunk.subarray(missing)
  }

  #bytesNeeded(): number {
    if (this.#next === 'block') return BLOCK_HEADER_BYTES
    if (this.#next !== 'header') return MAGIC_BYTES
    return this.#start.length === 0 ? 1 : frameHeaderBytes(this.#start[0] ?? 0)
  }

  async #understand(): Promise<void> {
    const start = this.#start
    this.#start = Buffer.alloc(0)
    switch (this.#next) {
      case 'magic':
        return this.#beginFrame(start)
      case 'skippable':
        this.#skips = start.readUInt32LE()
        this.#next = 'magic'
        return
      case 'header':
        this.#hasChecksum = ((start[0] ?? 0) & 0x04) !== 0
        this.#next = 'block'
        return this.#frame?.write(start)
      case 'block': {
        await this.#frame?.write(start)
        return this.#beginBlock(start.readUIntLE(0, BLOCK_HEADER_BYTES))
      }
    }
  }

  async #beginFrame(start: Buffer): Promise<void> {
    const magic = start.readUInt32LE()
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
      this.#next = 'skippable'
      return
    }
    if (magic !== FRAME) throw new RangeError('its zstd data is broken: no frame begins there')
    this.#frame = this.#open()
    this.#isLast = false
    this.#next = 'header'
    await this.#frame.write(start)
  }

  async #beginBlock(header: number): Promise<void> {
    const [isLast, kind, size] = [(header & 1) === 1, (header >> 1) & 3, header >> 3]
    this.#isLast = isLast
    // One byte that is repeated.
    this.#passes = kind === 1 ? 1 : size
    if (isLast && this.#hasChecksum) this.#passes += CHECKSUM_BYTES
    if (isLast && this.#passes === 0) await this.#endFrame()
  }

  async #endFrame(): Promise<void> {
    const frame = this.#frame
    this.#frame = undefined
    this.#next = 'magic'
    await frame?.end()
    frame?.destroy()
  }
}

const FRAME = 0xfd2fb528
/** And the fifteen numbers after it. */
const SKIPPABLE = 0x184d2a50
const MAGIC_BYTES = 4
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4

/** Of the header behind the magic number, by its first byte. */
function frameHeaderBytes(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0
  const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  return 1 + (isSingle ? 0 : 1) + dictionary + content
}
