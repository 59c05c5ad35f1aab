/** Many log lines in one frame: a million of them would be slow as JSON, or one by one. */

import type { LogBlock } from '../engine/index.ts'
import { LOG_PACK_BYTES } from '../limits.ts'

/** Source (2 bytes), flags (2), length (4), time as a double (8); then the lines. Big-endian. */
const BLOCK_HEADER_BYTES = 16
/** A full pack and the block that filled it, most often. */
const ROOM_BYTES = LOG_PACK_BYTES * 2
const FLAG_STDERR = 1
const FLAG_PARTIAL = 2

/** Lines of the container with number `source` in the latest `log-sources` message. */
export interface PackedBlock {
  readonly source: number
  readonly stream: 'stdout' | 'stderr'
  /** The last line goes on in the next block of the same source and stream, or has no end. */
  readonly partial: boolean
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly bytes: Uint8Array
}

export class BlockPacker {
  #pack = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #used = 0

  get isEmpty(): boolean {
    return this.#used === 0
  }

  get isFull(): boolean {
    return this.#used >= LOG_PACK_BYTES
  }

  /** The bytes are copied: they may be overwritten afterwards. */
  add(source: number, block: LogBlock): void {
    const { length } = block.bytes
    const at = this.#used
    this.#reserve(BLOCK_HEADER_BYTES + length)
    const flags = (block.stream === 'stderr' ? FLAG_STDERR : 0) | (block.partial ? FLAG_PARTIAL : 0)
    this.#pack.writeUInt16BE(source, at)
    this.#pack.writeUInt16BE(flags, at + 2)
    this.#pack.writeUInt32BE(length, at + 4)
    this.#pack.writeDoubleBE(block.time, at + 8)
    this.#pack.set(block.bytes, at + BLOCK_HEADER_BYTES)
    this.#used = at + BLOCK_HEADER_BYTES + length
  }

  /** What was added since the last call. */
  take(): Uint8Array {
    const pack = this.#pack.subarray(0, this.#used)
    this.#pack = Buffer.allocUnsafeSlow(ROOM_BYTES)
    this.#used = 0
    return pack
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#pack.length) return
    const larger = Buffer.allocUnsafeSlow(this.#used + bytes + ROOM_BYTES)
    larger.set(this.#pack.subarray(0, this.#used))
    this.#pack = larger
  }
}

/** What one frame holds, in its order. */
export function* unpackBlocks(pack: Uint8Array): Generator<PackedBlock, void> {
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength)
  let at = 0
  while (at < pack.length) {
    const flags = view.getUint16(at + 2)
    const start = at + BLOCK_HEADER_BYTES
    const end = start + view.getUint32(at + 4)
    yield {
      source: view.getUint16(at),
      stream: (flags & FLAG_STDERR) === 0 ? 'stdout' : 'stderr',
      partial: (flags & FLAG_PARTIAL) !== 0,
      time: view.getFloat64(at + 8),
      bytes: pack.subarray(start, end),
    }
    at = end
  }
}
