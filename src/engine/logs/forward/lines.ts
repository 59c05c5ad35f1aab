/** Cuts records into lines to be sent, and says where each of them ends in the log. */

import { randomUUID } from 'node:crypto'
import type { PlacedRecord } from '../cursor.ts'
import type { LogStream } from '../format.ts'
import type { LogMessage } from './message.ts'
import type { Point } from './position.ts'

/** Docker's bound of one message; what is longer comes in parts. */
const MESSAGE_BYTES_MAX = 16 * 1024

const NEWLINE = 0x0a

/** A line with the place behind it. */
export interface PlacedMessage extends LogMessage {
  readonly end: Point
}

interface Pending {
  readonly time: number
  readonly pieces: Buffer[]
  size: number
  end: Point
}

/** Lines of one container: those of its two streams come apart. */
export class MessageCutter {
  readonly #pending: Map<LogStream, Pending>
  /** Of the line that is being sent in parts: how many were, and what they have in common. */
  readonly #parts: Map<LogStream, { readonly count: number; readonly id: string }>

  constructor() {
    this.#pending = new Map()
    this.#parts = new Map()
  }

  /** Whole lines and parts that `record` completes, without its first `skipped` bytes. */
  *push(record: PlacedRecord, skipped: number): Generator<PlacedMessage, void> {
    const { stream, bytes } = record
    for (let from = skipped; from < bytes.length;) {
      const found = bytes.indexOf(NEWLINE, from)
      const room = MESSAGE_BYTES_MAX - (this.#pending.get(stream)?.size ?? 0)
      const lineEnd = found < 0 ? bytes.length : found
      const to = Math.min(lineEnd, from + room)
      const isWhole = to === found
      const behind = isWhole ? to + 1 : to
      this.#keep(record, bytes.subarray(from, to), behind)
      if (isWhole || to === from + room) yield* this.#take(stream, isWhole)
      from = behind
    }
  }

  /** What has no newline yet, and gets none any more. */
  *finish(): Generator<PlacedMessage, void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#pending.has(stream)) yield* this.#take(stream, true)
    }
  }

  #keep(record: PlacedRecord, piece: Buffer, behind: number): void {
    const { stream, time, segment, offset } = record
    const end = { segment, offset: offset + behind }
    const pending = this.#pending.get(stream) ?? { time, pieces: [], size: 0, end }
    // A copy: the record is a view of a buffer that is used again.
    pending.pieces.push(Buffer.from(piece))
    pending.size += piece.length
    pending.end = end
    this.#pending.set(stream, pending)
  }

  *#take(stream: LogStream, isLast: boolean): Generator<PlacedMessage, void> {
    const pending = this.#pending.get(stream)
    if (pending === undefined) return
    this.#pending.delete(stream)
    const { time, pieces, size, end } = pending
    const before = this.#parts.get(stream)
    const isPart = before !== undefined || !isLast
    const { count, id } = before ?? { count: 0, id: isPart ? randomUUID() : '' }
    if (isLast) this.#parts.delete(stream)
    else this.#parts.set(stream, { count: count + 1, id })
    yield {
      stream,
      time,
      bytes: Buffer.concat(pieces, size),
      ...(isPart ? { part: { ordinal: count + 1, isLast, id } } : {}),
      end,
    }
  }
}
