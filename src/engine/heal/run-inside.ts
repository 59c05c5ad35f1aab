/** Runs a program that joins the mounts of a running container, and changes them. */

import { readSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import {
  childEnd,
  close,
  describeFailure,
  type Fd,
  parseFailure,
  pipe,
  type Program,
  spawn,
} from '../../linux/index.ts'
import { ATTACH_AGAIN_MS_MAX } from '../../limits.ts'
import type { LiveContainer } from '../machine.ts'

/** Numbers of the program's descriptors; others come from `first` on. */
export const FIXED = { pidfd: 3, reports: 4, first: 5 } as const

/** Throws what the program says has failed. `programOf` adds the descriptors that it needs. */
export async function runInside(
  container: LiveContainer,
  pidfd: Fd,
  programOf: (descriptors: Record<number, Fd>) => Program,
): Promise<void> {
  const reports = pipe({ nonblocking: true })
  try {
    const descriptors: Record<number, Fd> = {
      [FIXED.pidfd]: pidfd,
      [FIXED.reports]: reports.write,
    }
    const program = programOf(descriptors)
    const pid = spawn(program, {
      title: `tsstack: mount ${container.record.name}`,
      descriptors,
      fallbackDirectory: container.own.run,
    })
    // A file system of the container's own may let it wait for ever.
    const timer = setTimeout(() => process.kill(pid, 'SIGKILL'), ATTACH_AGAIN_MS_MAX)
    const end = await childEnd(pid)
    clearTimeout(timer)
    if (end.kind === 'exited' && end.code === 0) return
    throw failureOf(program, reports.read)
  } finally {
    close(reports.read)
    close(reports.write)
  }
}

function failureOf({ notes }: Program, reports: Fd): Error {
  const bytes = Buffer.alloc(64)
  try {
    const failure = parseFailure(bytes.subarray(0, readSync(reports, bytes)))
    if (failure) return describeFailure(notes, failure)
  } catch {
    // Nothing was written: it was killed.
  }
  const message = `it took more than ${ATTACH_AGAIN_MS_MAX / 1000} s`
  return new EngineError('LAUNCH', message)
}
