/** Attaches again what somebody has unmounted in a running container, while it runs on. */

import { openSync, readSync } from 'node:fs'
import { posix } from 'node:path'
import { EngineError, errorText, KernelError } from '../../errors.ts'
import {
  childEnd,
  close,
  describeFailure,
  type Fd,
  inUserNamespace,
  parseFailure,
  pipe,
  type Program,
  spawn,
} from '../../linux/index.ts'
import { ATTACH_AGAIN_MS_MAX } from '../../limits.ts'
import { attachAgainProgram } from '../container/attach-again.ts'
import { askedMounts } from '../container/describe.ts'
import { fileContents } from '../container/file-contents.ts'
import { type PreparedMount, prepareLost } from '../container/mounts.ts'
import { fileEntryName } from '../container/child-mounts.ts'
import { resolveSources } from '../container/volume-mounts.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { mountPoints, placeOf } from '../mount-points.ts'
import { rootMountPoint } from '../paths.ts'
import { Undo } from '../undo.ts'

/** All that are gone, parents first. Throws LAUNCH with the cure where that cannot be. */
export async function attachAgain(
  machine: Machine,
  container: LiveContainer,
  attempt: LiveAttempt,
): Promise<void> {
  const { record } = container
  const { process } = attempt
  const undo = new Undo()
  try {
    if (process?.pidfd === undefined) return
    const mounts = prepare(machine, { container, attempt, pid: process.pid, undo })
    if (mounts.length > 0) await run(machine, { container, mounts, pidfd: process.pidfd })
  } catch (cause) {
    if (!(cause instanceof KernelError || cause instanceof EngineError)) throw cause
    const cure = 'a start of it puts that back: run "tsstack restart" with its service'
    const message = `Cannot mount in "${record.name}" while it runs: ${errorText(cause)}; ${cure}`
    throw new EngineError('LAUNCH', message, { cause })
  } finally {
    await undo.run()
  }
}

function prepare(
  machine: Machine,
  about: {
    readonly container: LiveContainer
    readonly attempt: LiveAttempt
    readonly pid: number
    readonly undo: Undo
  },
): readonly PreparedMount[] {
  const { container, attempt, pid, undo } = about
  const { record, users: ids } = container
  const present = mountPoints(pid)
  if (present === undefined) return []
  const missing = record.spec.mounts.filter((mount) => !present.has(placeOf(attempt, mount)))
  if (missing.length === 0) return []
  const trees = new Map<string, Fd>()
  const asked = askedMounts(missing, ids)
  const sources = resolveSources(machine, {
    container,
    mounts: asked,
    rootFd: undefined,
    trees,
    undo,
  })
  const users = ids === undefined ? undefined : openSync(`/proc/${pid}/ns/user`, 'r')
  if (users !== undefined) undo.push(() => close(users))
  const { places = {} } = attempt.record
  return prepareLost(
    sources.map((mount) => ({ mount, target: places[mount.destination] ?? mount.destination })),
    { container: record.name, files: fileContents(machine, record), trees, undo, users },
  )
}

/** Numbers of the program's descriptors; trees and contents come after them, then what it opens. */
const FIXED = { pidfd: 3, reports: 4, first: 5 } as const
/** What it has and opens at most, for each mount and beside that. */
const [OF_MOUNT, OF_ALL] = [4, 16]

async function run(
  machine: Machine,
  given: {
    readonly container: LiveContainer
    readonly mounts: readonly PreparedMount[]
    readonly pidfd: Fd
  },
): Promise<void> {
  const { container, mounts, pidfd } = given
  const reports = pipe({ nonblocking: true })
  try {
    const descriptors: Record<number, Fd> = {
      [FIXED.pidfd]: pidfd,
      [FIXED.reports]: reports.write,
    }
    const program = programFor(machine, { container, mounts, descriptors })
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

function programFor(
  machine: Machine,
  given: {
    readonly container: LiveContainer
    readonly mounts: readonly PreparedMount[]
    /** Added to. */
    readonly descriptors: Record<number, Fd>
  },
): Program {
  const { container, mounts, descriptors } = given
  let next: number = FIXED.first
  const pass = (fd: Fd): number => {
    descriptors[next] = fd
    next += 1
    return next - 1
  }
  const passed = mounts.map((mount) => ('fd' in mount ? { ...mount, fd: pass(mount.fd) } : mount))
  return attachAgainProgram({
    pidfd: FIXED.pidfd,
    reports: FIXED.reports,
    root: FIXED.first + OF_MOUNT * mounts.length + OF_ALL,
    hasUsers: container.users !== undefined,
    inUsers: container.users !== undefined || inUserNamespace(),
    mountPoint: posix.resolve(rootMountPoint(machine.paths)),
    mounts: passed,
    files: passed.flatMap((mount) => (mount.kind === 'file' ? [copyOf(mount)] : [])),
  })
}

function copyOf({ target, fd, content }: Extract<PreparedMount, { kind: 'file' }>) {
  const { mode, uid, gid, bytes } = content
  const path = fileEntryName(target)
  return { kind: 'copy', path, mode, uid, gid, from: fd, bytes: bytes.length } as const
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
