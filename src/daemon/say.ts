/** A line of the supervisor's log, or of the journal: it has no other way to say something. */

import { writeSync } from 'node:fs'
import { inspect } from 'node:util'

const STDERR = 2

/**
 * `time`: milliseconds since the epoch. What cannot be written, as on a full disk, is lost:
 * console.error would end the process the second time, and write nothing more when there is room.
 */
export function say(text: string, time: number = Date.now()): void {
  write(`${new Date(time).toISOString()} ${text}\n`)
}

/** The same for a surprise, with where it came from. */
export function sayError(error: unknown): void {
  write(`${inspect(error)}\n`)
}

function write(line: string): void {
  try {
    writeSync(STDERR, line)
  } catch {
    // The disk is full, or whoever read the pipe is gone.
  }
}
