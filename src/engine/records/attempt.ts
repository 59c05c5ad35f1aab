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
  /** Its end on the clock that is never set; absent in files of older monitors. */
  endedUptimeSeconds: 72,
  endedUptimeNanoseconds: 80,
} as const

export const STATUS_BYTES = 64
/** With the words behind the mover's, which the monitor writes by themselves, before the rest. */
export const WHOLE_STATUS_BYTES = 88
/** Of one time: seconds and nanoseconds. */
export const TIME_BYTES = 16
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
  /** The same in milliseconds since boot; absent: not known. */
  readonly uptimeMs?: number
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
    startedAt: wholeMs(bytes, STATUS_OFFSETS.startedSeconds),
    ...(mover === 0 ? {} : { mover }),
  }
  if (bytes.length < STATUS_BYTES || word(bytes, STATUS_OFFSETS.ended) !== 1) return started
  const waitStatus = word(bytes, STATUS_OFFSETS.waitStatus)
  const ended = {
    exitCode: exitCodeOf(waitStatus),
    at: wholeMs(bytes, STATUS_OFFSETS.endedSeconds),
  }
  if (bytes.length < WHOLE_STATUS_BYTES) return { ...started, ended }
  const uptime = STATUS_OFFSETS.endedUptimeSeconds
  const uptimeMs = word(bytes, uptime) * 1000 + word(bytes, uptime + 8) / 1e6
  return { ...started, ended: { ...ended, uptimeMs } }
}

/** Exit code of a wait status as shells count: the status, or 128 + signal. @see wait(2) */
export function exitCodeOf(waitStatus: number): number {
  const signal = waitStatus & 0x7f
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal
}

function wholeMs(bytes: Buffer, offset: number): number {
  return word(bytes, offset) * 1000 + Math.floor(word(bytes, offset + 8) / 1e6)
}

function word(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigInt64LE(offset))
}
