/** A place in the log of a container, from which its records are read: it survives rotation. */

import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { decodeRecords, HEADER_BYTES, HEADER_OFFSETS, type LogRecord } from './format.ts'

/** Bytes read at once; several times the longest record. */
const CHUNK_BYTES = 1024 * 1024

/**
 * Which segment: its inode alone may be used again after its end, so the time of its first record
 * counts as well.
 */
export interface SegmentKey {
  readonly inode: number
  readonly seconds: number
  readonly nanoseconds: number
}

/** A record, and where it stands. */
export interface PlacedRecord extends LogRecord {
  readonly segment: SegmentKey
  /** Of its bytes, from the beginning of the segment. */
  readonly offset: number
}

interface Segment {
  readonly fd: number
  readonly inode: number
}

/** Segments are told apart by inode, not by name: a rotation changes their names only. */
export class Cursor {
  readonly #directory: string
  readonly #buffer: Buffer
  #segment: Segment | undefined
  #key: SegmentKey | undefined
  /** Bytes of the segment that were read, and those of them that are no whole record yet. */
  #read = 0
  #held = 0

  constructor(
    directory: string,
    { chunkBytes = CHUNK_BYTES }: { readonly chunkBytes?: number } = {},
  ) {
    this.#directory = directory
    this.#buffer = Buffer.allocUnsafeSlow(chunkBytes)
  }

  /** Those that there are now, oldest first. */
  segments(): readonly SegmentKey[] {
    const segments = this.#segments()
    const keys = segments.map(keyOf)
    for (const { fd } of segments) closeSync(fd)
    return keys
  }

  /** Goes to `segment`; false when there is none such. For a cursor that has read nothing yet. */
  seek(segment: SegmentKey): boolean {
    const segments = this.#segments()
    const found = segments.find((one) => isSame(keyOf(one), segment))
    for (const { fd } of segments) if (fd !== found?.fd) closeSync(fd)
    if (found) this.#enter(found)
    return found !== undefined
  }

  /** Records from here to the present end. The bytes are valid until the next one is asked for. */
  *records(): Generator<PlacedRecord, void> {
    for (;;) {
      yield* this.#drain()
      const next = this.#next()
      if (!next) return
      // Once a newer segment exists, nothing is added to ours: what came since the read above is
      // its end.
      yield* this.#drain()
      this.#enter(next)
    }
  }

  close(): void {
    if (this.#segment !== undefined) closeSync(this.#segment.fd)
    this.#segment = undefined
  }

  #enter(segment: Segment): void {
    this.close()
    this.#segment = segment
    this.#begin()
  }

  #begin(): void {
    this.#key = undefined
    this.#read = 0
    this.#held = 0
  }

  *#drain(): Generator<PlacedRecord, void> {
    const segment = this.#segment
    if (segment === undefined) return
    // A log of a single segment is emptied when it is full.
    if (fstatSync(segment.fd).size < this.#read) this.#begin()
    for (;;) {
      const length = this.#buffer.length - this.#held
      const got = readSync(segment.fd, this.#buffer, this.#held, length, this.#read)
      const start = this.#read - this.#held
      this.#read += got
      this.#held += got
      const { records, taken } = decodeRecords(this.#buffer.subarray(0, this.#held))
      for (const record of records) {
        this.#key ??= keyOf(segment)
        const offset = start + record.bytes.byteOffset - this.#buffer.byteOffset
        yield { ...record, segment: this.#key, offset }
      }
      this.#buffer.copyWithin(0, taken, this.#held)
      this.#held -= taken
      if (got === 0) return
    }
  }

  /** The segment after the present one, open; undefined when the present one is the newest. */
  #next(): Segment | undefined {
    const segments = this.#segments()
    const at = segments.findIndex(({ inode }) => inode === this.#segment?.inode)
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

export function isSame(left: SegmentKey, right: SegmentKey): boolean {
  return (
    left.inode === right.inode &&
    left.seconds === right.seconds &&
    left.nanoseconds === right.nanoseconds
  )
}

/** Of an empty segment the times are zero. */
function keyOf({ fd, inode }: Segment): SegmentKey {
  const header = Buffer.alloc(HEADER_BYTES)
  readSync(fd, header, 0, HEADER_BYTES, 0)
  return {
    inode,
    seconds: Number(header.readBigUInt64LE(HEADER_OFFSETS.seconds)),
    nanoseconds: Number(header.readBigUInt64LE(HEADER_OFFSETS.nanoseconds)),
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
