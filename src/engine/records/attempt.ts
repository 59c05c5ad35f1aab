/**
 * The monitor's binary account of one attempt: written by a launch program, read by the supervisor.
 */

import { readIfPresent } from './present.ts'

/** `TSSTACK1` in memory order; a file that begins otherwise is not ours. */
export const STATUS_MAGIC = 0x314b434154535354n

/**
 * Layout of the status file, offsets in bytes; every word is 8 bytes, little-endian.
 * The monitor writes the first STARTED_BYTES when the program runs, all of it when it has ended.
 */
export const STATUS_OFFSETS = {
  magic: 0,
  pid: 8,
  startedSeconds: 16,
  startedNanoseconds: 24,
  ended: 32,
  waitStatus: 40,
  endedSeconds: 48,
  endedNanoseconds: 56,
  /** Pid of the log mover, written by itself whenever there is a new one; 0: none yet. */
  mover: 64,
} as const

export const STATUS_BYTES = 64
export const STARTED_BYTES = 32

export interface AttemptStatus {
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly ended?: ExitStatus
  /** Pid of the newest log mover; absent before the first. */
  readonly mover?: number
}

export interface ExitStatus {
  /** The program's status, or 128 + signal. */
  readonly exitCode: number
  readonly at: number
}

/** What the monitor wrote, or undefined before the program ran. */
export function readAttemptStatus(path: string): AttemptStatus | undefined {
  const bytes = readIfPresent(path)
  return bytes && decodeAttemptStatus(bytes)
}

/** Decodes a status file; anything that is not one decodes to undefined. */
export function decodeAttemptStatus(bytes: Buffer): AttemptStatus | undefined {
  if (bytes.length < STARTED_BYTES) return undefined
  if (bytes.readBigUInt64LE(STATUS_OFFSETS.magic) !== STATUS_MAGIC) return undefined
  const mover = bytes.length < STATUS_OFFSETS.mover + 8 ? 0 : word(bytes, STATUS_OFFSETS.mover)
  const started = {
    pid: word(bytes, STATUS_OFFSETS.pid),
    startedAt: time(bytes, STATUS_OFFSETS.startedSeconds),
    ...(mover === 0 ? {} : { mover }),
  }
  if (bytes.length < STATUS_BYTES || word(bytes, STATUS_OFFSETS.ended) !== 1) return started
  const waitStatus = word(bytes, STATUS_OFFSETS.waitStatus)
  return {
    ...started,
    ended: { exitCode: exitCodeOf(waitStatus), at: time(bytes, STATUS_OFFSETS.endedSeconds) },
  }
}

/** Exit code of a wait status as shells count: the status, or 128 + signal. @see wait(2) */
export function exitCodeOf(waitStatus: number): number {
  const signal = waitStatus & 0x7f
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal
}

function time(bytes: Buffer, offset: number): number {
  return word(bytes, offset) * 1000 + Math.floor(word(bytes, offset + 8) / 1e6)
}

function word(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigInt64LE(offset))
}
