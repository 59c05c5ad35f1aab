/** Attaches again what somebody has unmounted in a running container, while it runs on. */

import { openSync } from 'node:fs'
import { posix } from 'node:path'
import { EngineError, errorText, KernelError } from '../../errors.ts'
import { close, type Fd, inUserNamespace, type MountLine, type Program } from '../../linux/index.ts'
import { attachAgainProgram } from '../container/attach-again.ts'
import { askedMounts } from '../container/describe.ts'
import { fileContents } from '../container/file-contents.ts'
import { type PreparedMount, prepareLost } from '../container/mounts.ts'
import { fileEntryName } from '../container/child-mounts.ts'
import { resolveSources } from '../container/volume-mounts.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { placeOf, readMounts } from '../mount-points.ts'
import { rootMountPoint } from '../paths.ts'
import { Undo } from '../undo.ts'
import { FIXED, runInside } from './run-inside.ts'

/** All that are gone, parents first. Throws LAUNCH with the cure where that cannot be. */
export async function attachAgain(
  machine: Machine,
  container: LiveContainer,
  attempt: LiveAttempt,
): Promise<void> {
  const { process } = attempt
  await puttingBack(container, async (undo) => {
    if (process?.pidfd === undefined) return
    const mounts = prepare(machine, { container, attempt, pid: process.pid, undo })
    if (mounts.length === 0) return
    await runInside(container, process.pidfd, (descriptors) =>
      programFor(machine, { container, mounts, descriptors }),
    )
    // What is there now is another file system, for one that was made anew.
    for (const { target } of mounts) attempt.mounts?.delete(target)
  })
}

/** Throws LAUNCH where {@link attachAgain} would, once `seen` is unmounted. */
export async function checkAttach(
  machine: Machine,
  about: {
    readonly container: LiveContainer
    readonly attempt: LiveAttempt
    readonly seen: MountLine
  },
): Promise<void> {
  const { process } = about.attempt
  await puttingBack(about.container, (undo) => {
    if (process !== undefined) prepare(machine, { ...about, pid: process.pid, undo })
  })
}

async function puttingBack(
  { record }: LiveContainer,
  work: (undo: Undo) => Promise<void> | void,
): Promise<void> {
  const undo = new Undo()
  try {
    await work(undo)
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
    /** Taken to be gone. */
    readonly seen?: MountLine
  },
): readonly PreparedMount[] {
  const { container, attempt, pid, undo, seen } = about
  const { record, users: ids } = container
  const mounts = readMounts(pid)
  if (mounts === undefined) return []
  const present = new Set(mounts.filter(({ id }) => id !== seen?.id).map(({ place }) => place))
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

/** What the program has and opens at most, for each mount and beside that. */
const [OF_MOUNT, OF_ALL] = [4, 16]

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
