/** Watches the free space of the store's disk, and says in one way that it has run out. */

import { statfsSync } from 'node:fs'
import { EngineError, KernelError } from '../../errors.ts'
import { DISK_LOOK_BYTES, DISK_RESERVE_BYTES_MAX, DISK_RESERVE_SHARE } from '../../limits.ts'

/** Counts what is written, and looks now and then whether the disk has room for more. */
export class SpaceWatch {
  readonly #directory: string
  #sinceLook = DISK_LOOK_BYTES

  constructor(directory: string) {
    this.#directory = directory
  }

  /** To be called before `bytes` are written. @throws {EngineError} DISK_FULL */
  take(bytes: number): void {
    this.#sinceLook += bytes
    if (this.#sinceLook < DISK_LOOK_BYTES) return
    this.#sinceLook = 0
    this.#look(bytes)
  }

  /** As {@link take}, for many bytes that come one after the other. */
  check(bytes: number): void {
    if (bytes >= DISK_LOOK_BYTES) this.#look(bytes)
  }

  #look(bytes: number): void {
    const { blocks, bavail, bsize } = statfsSync(this.#directory)
    const reserve = Math.min(blocks * bsize * DISK_RESERVE_SHARE, DISK_RESERVE_BYTES_MAX)
    if (bavail * bsize < reserve + bytes) throw diskFull(this.#directory, bavail * bsize)
  }
}

/** The error for a failed write, when it failed for want of space; undefined otherwise. */
export function spaceError(directory: string, error: unknown): EngineError | undefined {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' ? diskFull(directory, 0, error) : undefined
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof KernelError) return error.errnoName
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function diskFull(directory: string, free: number, cause?: unknown): EngineError {
  const mebibytes = Math.floor(free / 1024 / 1024)
  const message = `Cannot keep the image in "${directory}": its disk has ${mebibytes} MiB left`
  return new EngineError('DISK_FULL', message, {
    hint: 'free some space, or run: tsstack image prune --all',
    cause,
  })
}
