/** Reads the log of one container: its segments from old to new, then what is being written. */

import { closeSync, fstatSync, openSync, readSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { Bell } from '../bell.ts'
import type { LogBlock, LogOptions } from '../types.ts'
import { decodeRecords, type LogRecord } from './format.ts'
import { LineJoiner, type Lines, Pieces } from './lines.ts'
import { lastLines } from './tail.ts'

/** Bytes read at once; several times the longest record. */
const CHUNK_BYTES = 1024 * 1024

export interface LogSource {
  readonly container: string
  readonly directory: string
  /** With `follow`: true once nothing more will be written; looked at after each wake. */
  readonly isComplete: () => boolean
  /** With `follow`: calls back when {@link isComplete} may have changed; returns its undoing. */
  readonly onChange: (wake: () => void) => () => void
}

/** Lines of a container in the order they were written. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncIterable<LogBlock> {
  const cursor = new Cursor(source.directory)
  const { container } = source
  const lines = options.attached === true ? new Pieces(container) : new LineJoiner(container)
  try {
    yield* existingLines(cursor, lines, options)
    if (options.follow) yield* newLines({ cursor, lines, source, options })
    for (const line of lines.finish()) if (isWanted(line, options)) yield line
  } finally {
    cursor.close()
  }
}

function* existingLines(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  const { tail, follow } = options
  if (tail === undefined) yield* wanted(cursor, lines, options)
  // An unfinished line may be finished while it is followed.
  else yield* lastLines(follow ? wanted(cursor, lines, options) : all(cursor, lines, options), tail)
}

function* all(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  yield* wanted(cursor, lines, options)
  for (const line of lines.finish()) if (isWanted(line, options)) yield line
}

async function* newLines(reading: {
  readonly cursor: Cursor
  readonly lines: Lines
  readonly source: LogSource
  readonly options: LogOptions
}): AsyncIterable<LogBlock> {
  const { cursor, lines, source, options } = reading
  const bell = new Bell()
  const watcher = watch(source.directory, () => bell.ring())
  const unsubscribe = source.onChange(() => bell.ring())
  const abort = (): void => bell.ring()
  let isBehind = true
  options.signal?.addEventListener('abort', abort)
  try {
    while (!options.signal?.aborted) {
      // Asked before reading: what was written until then is read below, and nothing comes after.
      const complete = source.isComplete()
      yield* wanted(cursor, lines, options)
      if (complete) return
      if (isBehind) options.onCaughtUp?.()
      isBehind = false
      await bell.rung()
    }
  } finally {
    watcher.close()
    unsubscribe()
    options.signal?.removeEventListener('abort', abort)
  }
}

function* wanted(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  for (const record of cursor.records()) {
    for (const line of lines.push(record)) if (isWanted(line, options)) yield line
  }
}

function isWanted(line: LogBlock, { since, until }: LogOptions): boolean {
  return (since === undefined || line.time >= since) && (until === undefined || line.time <= until)
}

interface Segment {
  readonly fd: number
  readonly inode: number
}

/** A place in the log that survives rotation: segments are told apart by inode, not by name. */
class Cursor {
  readonly #directory: string
  #fd: number | undefined
  #inode: number | undefined
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  #held = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Records from here to the present end. The bytes are valid until the next one is asked for. */
  *records(): Iterable<LogRecord> {
    for (;;) {
      yield* this.#drain()
      const next = this.#next()
      if (!next) return
      // Once a newer segment exists, nothing is added to ours: what came since the read above is
      // its end.
      yield* this.#drain()
      this.close()
      this.#fd = next.fd
      this.#inode = next.inode
      this.#held = 0
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  *#drain(): Iterable<LogRecord> {
    if (this.#fd === undefined) return
    for (;;) {
      const length = CHUNK_BYTES - this.#held
      const got = readSync(this.#fd, this.#buffer, this.#held, length, null)
      this.#held += got
      const { records, taken } = decodeRecords(this.#buffer.subarray(0, this.#held))
      yield* records
      this.#buffer.copyWithin(0, taken, this.#held)
      this.#held -= taken
      if (got === 0) return
    }
  }

  /** The segment after the present one, open; undefined when the present one is the newest. */
  #next(): Segment | undefined {
    const segments = this.#segments()
    const at = segments.findIndex(({ inode }) => inode === this.#inode)
    const next = segments[at + 1]
    for (const { fd } of segments) if (fd !== next?.fd) closeSync(fd)
    return next
  }

  /**
   * All segments, oldest first, open: a rotation between listing and opening changes names only.
   */
  #segments(): readonly Segment[] {
    const numbers = readdirSync(this.#directory)
      .map((name) => /^(\d+)\.log$/.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((left, right) => right - left)
    const opened = new Map<number, number>()
    for (const number of numbers) {
      const fd = openIfPresent(join(this.#directory, `${number}.log`))
      if (fd === undefined) continue
      const { ino } = fstatSync(fd)
      if (opened.has(ino)) closeSync(fd)
      else opened.set(ino, fd)
    }
    return [...opened].map(([inode, fd]) => ({ fd, inode }))
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
