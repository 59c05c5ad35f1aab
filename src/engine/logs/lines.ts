/** Cuts the raw records of a container at the ends of lines: a line is never torn without need. */

import type { LogBlock } from '../types.ts'
import type { LogRecord, LogStream } from './format.ts'

/**
 * A line longer than this comes in parts, so that a program that never ends a line stays bounded.
 */
export const LINE_BYTES_MAX: number = 256 * 1024

const NEWLINE = 0x0a

interface Pending {
  readonly time: number
  readonly parts: Buffer[]
  size: number
}

/** What makes blocks of records. */
export interface Lines {
  push(record: LogRecord): readonly LogBlock[]
  finish(): readonly LogBlock[]
}

/** Records as they are: for one who sees a prompt, and waits for no end of its line. */
export class Pieces implements Lines {
  readonly #container: string

  constructor(container: string) {
    this.#container = container
  }

  push(record: LogRecord): readonly LogBlock[] {
    const partial = record.bytes.at(-1) !== NEWLINE
    return [{ container: this.#container, ...record, partial }]
  }

  finish(): readonly LogBlock[] {
    return []
  }
}

/** Turns records into whole lines; {@link LineJoiner.finish} gives what has no newline yet. */
export class LineJoiner implements Lines {
  readonly #container: string
  readonly #pending = new Map<LogStream, Pending>()

  constructor(container: string) {
    this.#container = container
  }

  /** The lines that `record` completes: those of a record need no copy but for the first. */
  push({ stream, time, bytes }: LogRecord): readonly LogBlock[] {
    const last = bytes.lastIndexOf(NEWLINE)
    const blocks: LogBlock[] = []
    let from = 0
    if (last >= 0 && this.#pending.has(stream)) {
      from = bytes.indexOf(NEWLINE) + 1
      this.#keep(stream, time, bytes.subarray(0, from))
      blocks.push(...this.#take(stream, false))
    }
    const whole = bytes.subarray(from, last + 1)
    if (whole.length > 0) blocks.push(this.#block({ stream, time, bytes: whole }, false))
    const rest = bytes.subarray(last + 1)
    if (rest.length > 0 && this.#keep(stream, time, rest)) blocks.push(...this.#take(stream, true))
    return blocks
  }

  /** The unfinished lines, at the end of the log. */
  finish(): readonly LogBlock[] {
    return [...this.#pending.keys()].flatMap((stream) => this.#take(stream, true))
  }

  /** Adds to the unfinished line; true when it has become too long to keep. */
  #keep(stream: LogStream, time: number, piece: Buffer): boolean {
    const pending = this.#pending.get(stream) ?? { time, parts: [], size: 0 }
    // A copy: the record is a view of a read buffer that is used again.
    pending.parts.push(Buffer.from(piece))
    pending.size += piece.length
    this.#pending.set(stream, pending)
    return pending.size >= LINE_BYTES_MAX
  }

  #take(stream: LogStream, partial: boolean): readonly LogBlock[] {
    const pending = this.#pending.get(stream)
    if (!pending) return []
    this.#pending.delete(stream)
    const bytes = Buffer.concat(pending.parts, pending.size)
    return [this.#block({ stream, time: pending.time, bytes }, partial)]
  }

  #block(record: LogRecord, partial: boolean): LogBlock {
    return { container: this.#container, ...record, partial }
  }
}
