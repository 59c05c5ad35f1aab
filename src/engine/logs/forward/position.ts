/**
 * How far a log has been passed on, in a small file beside it: the next supervisor goes on there.
 * What was sent is noted after it was sent, line by line: a supervisor that is killed between the
 * two sends that one line again.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { isSame, type PlacedRecord, type SegmentKey } from '../cursor.ts'
import type { LogStream } from '../format.ts'

/** Behind the last byte of a stream that was sent. */
export interface Point {
  readonly segment: SegmentKey
  readonly offset: number
}

/** One stream: inode, seconds, nanoseconds and offset, as little-endian numbers of 8 bytes. */
const POINT_BYTES = 32
const AT: Readonly<Record<LogStream, number>> = { stdout: 0, stderr: POINT_BYTES }

export class Position {
  readonly #fd: number
  /** What an earlier supervisor had sent. */
  #resumed: Record<LogStream, Point | undefined>
  #segments: readonly SegmentKey[] = []

  constructor(path: string) {
    this.#fd = openOrMake(path)
    this.#resumed = { stdout: this.#read('stdout'), stderr: this.#read('stderr') }
  }

  /**
   * The segment of `segments`, oldest first, with which to go on; undefined for a log of which
   * nothing was sent, `lost` for one of which nothing is left that was.
   */
  resume(segments: readonly SegmentKey[]): SegmentKey | 'lost' | undefined {
    this.#segments = segments
    const { stdout, stderr } = this.#resumed
    const [first] = [stdout, stderr]
      .filter((point) => point !== undefined)
      .filter((point) => this.#indexOf(point.segment) !== undefined)
      .toSorted((left, right) => this.#compare(left, right))
    // One stream whose segment is gone has said nothing since: it is as far as the other.
    this.#resumed = {
      stdout: this.#isKnown(stdout) ? stdout : first,
      stderr: this.#isKnown(stderr) ? stderr : first,
    }
    if (first !== undefined) return first.segment
    return stdout === undefined && stderr === undefined ? undefined : 'lost'
  }

  note(stream: LogStream, point: Point): void {
    const bytes = Buffer.alloc(POINT_BYTES)
    const { inode, seconds, nanoseconds } = point.segment
    for (const [at, number] of [inode, seconds, nanoseconds, point.offset].entries()) {
      bytes.writeBigUInt64LE(BigInt(number), at * 8)
    }
    writeSync(this.#fd, bytes, 0, POINT_BYTES, AT[stream])
  }

  /** Bytes at the beginning of `record` that an earlier supervisor has sent. */
  sentOf({ stream, segment, offset, bytes }: PlacedRecord): number {
    const point = this.#resumed[stream]
    if (point === undefined) return 0
    const [here, there] = [this.#indexOf(segment), this.#indexOf(point.segment)]
    // A segment that is newer than our list.
    if (here === undefined || there === undefined || here > there) return 0
    return here < there ? bytes.length : Math.min(Math.max(point.offset - offset, 0), bytes.length)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #isKnown(point: Point | undefined): boolean {
    return point !== undefined && this.#indexOf(point.segment) !== undefined
  }

  #indexOf(segment: SegmentKey): number | undefined {
    const index = this.#segments.findIndex((one) => isSame(one, segment))
    return index < 0 ? undefined : index
  }

  #compare(left: Point, right: Point): number {
    const [one, other] = [this.#indexOf(left.segment) ?? 0, this.#indexOf(right.segment) ?? 0]
    return one - other || left.offset - right.offset
  }

  #read(stream: LogStream): Point | undefined {
    const bytes = Buffer.alloc(POINT_BYTES)
    if (readSync(this.#fd, bytes, 0, POINT_BYTES, AT[stream]) < POINT_BYTES) return undefined
    const [inode = 0, seconds = 0, nanoseconds = 0, offset = 0] = [0, 8, 16, 24].map((at) =>
      Number(bytes.readBigUInt64LE(at)),
    )
    return inode === 0 ? undefined : { segment: { inode, seconds, nanoseconds }, offset }
  }
}

function openOrMake(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return openSync(path, 'wx+', 0o600)
  }
}
