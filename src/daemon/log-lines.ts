/** Many log lines in one frame: a million of them would be slow as JSON. */

import type { LogLine } from '../engine/index.ts'
import { LOG_PACK_BYTES } from '../limits.ts'

/** Source (2 bytes), flags (2), length (4), time as a double (8); then the line. Big-endian. */
const LINE_HEADER_BYTES = 16
const FLAG_STDERR = 1
const FLAG_PARTIAL = 2

/** A line of the container with number `source` in the latest `log-sources` message. */
export interface PackedLine {
  readonly source: number
  readonly stream: 'stdout' | 'stderr'
  /** The line goes on in the next one of the same source and stream. */
  readonly partial: boolean
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly bytes: Uint8Array
}

export class LinePacker {
  #parts: Buffer[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  get isFull(): boolean {
    return this.#bytes >= LOG_PACK_BYTES
  }

  add(source: number, line: LogLine): void {
    const header = Buffer.allocUnsafe(LINE_HEADER_BYTES)
    const flags = (line.stream === 'stderr' ? FLAG_STDERR : 0) | (line.partial ? FLAG_PARTIAL : 0)
    header.writeUInt16BE(source, 0)
    header.writeUInt16BE(flags, 2)
    header.writeUInt32BE(line.bytes.length, 4)
    header.writeDoubleBE(line.time, 8)
    const { buffer, byteOffset, byteLength } = line.bytes
    this.#parts.push(header, Buffer.from(buffer, byteOffset, byteLength))
    this.#bytes += LINE_HEADER_BYTES + byteLength
  }

  /** What was added since the last call. */
  take(): Uint8Array {
    const pack = Buffer.concat(this.#parts, this.#bytes)
    this.#parts = []
    this.#bytes = 0
    return pack
  }
}

/** The lines of one frame, in their order. */
export function* unpackLines(pack: Uint8Array): Generator<PackedLine, void> {
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength)
  let at = 0
  while (at < pack.length) {
    const flags = view.getUint16(at + 2)
    const start = at + LINE_HEADER_BYTES
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
