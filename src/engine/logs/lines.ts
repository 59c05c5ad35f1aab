/** Cuts the raw records of a container into lines, one unfinished line kept for each stream. */

import type { LogLine } from '../types.ts'
import type { LogRecord, LogStream } from './format.ts'

/**
 * A line longer than this comes in parts, so that a program that never ends a line stays bounded.
 */
export const LINE_BYTES_MAX: number = 256 * 1024

const NEWLINE = 0x0a

/** Turns records into lines; {@link LineSplitter.finish} gives what has no newline yet. */
export class LineSplitter {
  readonly #container: string
  readonly #pending = new Map<LogStream, { time: number; parts: Buffer[]; size: number }>()

  constructor(container: string) {
    this.#container = container
  }

  /** Lines that `record` completes. */
  push(record: LogRecord): readonly LogLine[] {
    const lines: LogLine[] = []
    let from = 0
    while (from < record.bytes.length) {
      const end = record.bytes.indexOf(NEWLINE, from)
      const piece = record.bytes.subarray(from, end < 0 ? record.bytes.length : end)
      if (end < 0) {
        if (this.#keep(record, piece)) lines.push(...this.#take(record.stream, true))
        return lines
      }
      this.#keep(record, piece)
      lines.push(...this.#take(record.stream, false))
      from = end + 1
    }
    return lines
  }

  /** The unfinished lines, at the end of the log. */
  finish(): readonly LogLine[] {
    return [...this.#pending.keys()].flatMap((stream) => this.#take(stream, true))
  }

  /** Adds to the unfinished line; true when it has become too long to keep. */
  #keep(record: LogRecord, piece: Buffer): boolean {
    const pending = this.#pending.get(record.stream) ?? { time: record.time, parts: [], size: 0 }
    // A copy: the record is a view of a read buffer that is used again.
    pending.parts.push(Buffer.from(piece))
    pending.size += piece.length
    this.#pending.set(record.stream, pending)
    return pending.size >= LINE_BYTES_MAX
  }

  #take(stream: LogStream, partial: boolean): readonly LogLine[] {
    const pending = this.#pending.get(stream)
    if (!pending) return []
    this.#pending.delete(stream)
    const bytes = pending.parts.length === 1 ? pending.parts[0] : Buffer.concat(pending.parts)
    return [
      {
        container: this.#container,
        time: pending.time,
        stream,
        bytes: bytes ?? Buffer.alloc(0),
        partial,
      },
    ]
  }
}
