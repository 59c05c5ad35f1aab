/**
 * How messages travel over the socket: 4 bytes of length, 1 byte that says what it is, the payload.
 */

import { FRAME_BYTES_MAX } from '../limits.ts'

/** What a frame carries. The numbers are the protocol: new ones are added, none is reused. */
export const FRAME = {
  /** A JSON text. */
  message: 0,
  stdin: 1,
  stdout: 2,
  stderr: 3,
  /** Log lines, packed by `log-lines.ts`. */
  logs: 4,
} as const

export type FrameKind = keyof typeof FRAME
export type ByteFrameKind = Exclude<FrameKind, 'message'>

export type Frame =
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: ByteFrameKind; readonly bytes: Uint8Array }

/** Bytes before the payload: big-endian length of the payload, then the kind. */
const HEADER_BYTES = 5

const KINDS = Object.keys(FRAME) as readonly FrameKind[]

/** One frame that carries `message` as JSON. */
export function encodeMessage(message: unknown): Uint8Array {
  const text = JSON.stringify(message)
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  writeHeader(frame, length, 'message')
  frame.write(text, HEADER_BYTES)
  return frame
}

/** The header of a frame of `length` bytes, to be followed by the bytes themselves. */
export function encodeHeader(kind: ByteFrameKind, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  writeHeader(header, length, kind)
  return header
}

function writeHeader(frame: Buffer, length: number, kind: FrameKind): void {
  frame.writeUInt32BE(length, 0)
  frame.writeUInt8(FRAME[kind], 4)
}

/** Cuts a stream of chunks into frames. Throws an Error when the stream is no such protocol. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #bytes = 0
  #needed = HEADER_BYTES

  /** The frames that `chunk` completes. */
  push(chunk: Uint8Array): readonly Frame[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#needed) return []
    const frames: Frame[] = []
    const all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes)
    let at = 0
    for (;;) {
      this.#needed = neededAt(all, at)
      if (all.length - at < this.#needed) break
      frames.push(decode(all.subarray(at, at + this.#needed)))
      at += this.#needed
    }
    this.#chunks = at < all.length ? [all.subarray(at)] : []
    this.#bytes = all.length - at
    return frames
  }
}

/** Bytes of the frame that begins at `at`, as far as they are known yet. */
function neededAt(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < HEADER_BYTES) return HEADER_BYTES
  const length = viewOf(bytes).getUint32(at)
  if (length > FRAME_BYTES_MAX) {
    throw new Error(`Cannot read a frame: ${length} bytes; at most ${FRAME_BYTES_MAX} are allowed`)
  }
  return HEADER_BYTES + length
}

function decode(frame: Uint8Array): Frame {
  const kind = KINDS[viewOf(frame).getUint8(4)]
  if (kind === undefined) throw new Error(`Cannot read a frame: its kind is ${frame[4]}`)
  const bytes = frame.subarray(HEADER_BYTES)
  if (kind !== 'message') return { kind, bytes }
  return { kind, message: JSON.parse(new TextDecoder().decode(bytes)) as unknown }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
