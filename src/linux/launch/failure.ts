/** From the record that a failed launch program wrote back to the call that failed. */

import { KernelError, type ErrorDetails } from '../../errors.ts'
import { errnoName, errnoText } from '../errno.ts'
import { OPERATION_BYTES, TOP } from './interpreter.ts'

/** What each operation of a program means, in order: `mount("proc", "/proc")`. */
export interface ProgramNotes {
  readonly calls: readonly string[]
}

/** First word of a failure record: "TSF1". */
export const FAILURE_MAGIC: number = 0x31465354

/** Bytes of a failure record: magic (u32), operation's address (u32), result (i64, -errno). */
export const FAILURE_BYTES: number = 16

/** A failure record, read. */
export interface Failure {
  /** Index of the operation in `ProgramNotes.calls`. */
  readonly operation: number
  /** Positive. */
  readonly errno: number
}

/** Reads the record at `offset`; undefined when no record begins there. */
export function parseFailure(bytes: Buffer, offset = 0): Failure | undefined {
  if (bytes.length < offset + FAILURE_BYTES) return undefined
  if (bytes.readUInt32LE(offset) !== FAILURE_MAGIC) return undefined
  return {
    operation: (TOP - bytes.readUInt32LE(offset + 4)) / OPERATION_BYTES - 1,
    errno: -Number(bytes.readBigInt64LE(offset + 8)),
  }
}

/** The error of a failed operation: `mount("proc", "/proc") failed: EINVAL (Invalid argument)`. */
export function describeFailure(
  notes: ProgramNotes,
  failure: Failure,
  details: ErrorDetails = {},
): KernelError {
  const call = notes.calls[failure.operation] ?? `operation ${failure.operation}`
  return new KernelError(
    {
      call,
      syscall: call.split('(')[0] ?? call,
      errno: failure.errno,
      errnoName: errnoName(failure.errno),
      errnoText: errnoText(failure.errno),
    },
    details,
  )
}
