/** The end of a group: stands still, is killed, is empty. */

import { join } from 'node:path'
import { EngineError, isErrno } from '../../errors.ts'
import { CGROUP_KILL_MS_MAX, CGROUP_KILL_ROUNDS_MAX, CGROUP_STILL_MS_MAX } from '../../limits.ts'
import { directoryOf, unifiedDirectory, type GroupDirectory } from './directories.ts'
import { hasCode, readCgroupField, readCgroupFile, writeCgroupFile } from './files.ts'
import { childGroups } from './make.ts'
import { waitUntil } from './wait.ts'

/**
 * Process ids in `directory` and the groups below it. A process outside our pid namespace is left
 * out.
 */
export function processesIn(directory: string): readonly number[] {
  const own = (readCgroupFile(join(directory, 'cgroup.procs')) ?? '')
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
  return [...own, ...childGroups(directory).flatMap((name) => processesIn(join(directory, name)))]
}

export interface KillOptions {
  /** Also in hierarchies to which somebody may have moved a process, and to no other. */
  readonly everywhere?: boolean | undefined
  /** Settles when all may have ended, often before the kernel tells of the group (10 ms). */
  readonly hint?: Promise<void> | undefined
}

/** Kills all, frozen or not, and resolves when the kernel counts no process any more. */
export async function killGroup(
  directories: readonly GroupDirectory[],
  { everywhere = false, hint }: KillOptions = {},
): Promise<void> {
  const deadline = performance.now() + CGROUP_KILL_MS_MAX
  const v2 = unifiedDirectory(directories)
  const isKilled = v2 !== undefined && killAtOnce(v2.directory)
  if (isKilled) {
    thawV1(directories)
    await waitGroupEmpty(directories, { timeoutMs: CGROUP_KILL_MS_MAX, hint })
  }
  const witnesses = isKilled && !everywhere ? directories.slice(0, 1) : directories
  for (const { directory } of witnesses) await killOneByOne(directories, directory, deadline)
}

/**
 * Resolves with true when no process is left, with false after `timeoutMs`.
 * v2 tells the moment (`populated 0` of cgroup.events, through inotify). v1 has no event for it
 * other than a program that the kernel starts on the host (release_agent), so there the process
 * list is read again after 1, 2, 4 … 50 ms.
 */
export async function waitGroupEmpty(
  directories: readonly GroupDirectory[],
  { timeoutMs, hint }: { readonly timeoutMs: number } & Pick<KillOptions, 'hint'>,
): Promise<boolean> {
  const v2 = unifiedDirectory(directories)
  const isEmpty = v2
    ? () => readCgroupField(join(v2.directory, 'cgroup.events'), 'populated') !== 1
    : () => directories.every(({ directory }) => processesIn(directory).length === 0)
  const file = v2 && join(v2.directory, 'cgroup.events')
  return waitUntil(isEmpty, { file, timeoutMs, hint })
}

/** Stops every process of the group where it is; returns when the kernel says that all stand. */
export async function freezeGroup(directories: readonly GroupDirectory[]): Promise<void> {
  const { switchFile, on, isFrozen, events } = freezer(directories)
  writeCgroupFile(switchFile, on)
  if (await waitUntil(isFrozen, { file: events, timeoutMs: CGROUP_STILL_MS_MAX })) return
  thawGroup(directories)
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot freeze "${switchFile}": a process did not stop within ${CGROUP_STILL_MS_MAX} ms`,
    { hint: 'A process that waits for a device (state D) cannot be frozen; try again' },
  )
}

/** Lets the processes of the group go on. */
export function thawGroup(directories: readonly GroupDirectory[]): void {
  const { switchFile, off } = freezer(directories)
  if (readCgroupFile(switchFile) !== undefined) writeCgroupFile(switchFile, off)
}

/** False when it is gone, or when there is no freezer. */
export function isGroupFrozen(directories: readonly GroupDirectory[]): boolean {
  const isKnown = directoryOf(directories, 'freezer') ?? unifiedDirectory(directories)
  return isKnown !== undefined && freezer(directories).isFrozen()
}

function freezer(directories: readonly GroupDirectory[]) {
  const v1 = directoryOf(directories, 'freezer')
  if (v1) {
    const switchFile = join(v1.directory, 'freezer.state')
    const isFrozen = () => readCgroupFile(switchFile) === 'FROZEN'
    return { switchFile, on: 'FROZEN', off: 'THAWED', isFrozen, events: undefined }
  }
  const v2 = unifiedDirectory(directories)
  if (!v2) {
    throw new EngineError('NO_CGROUP', 'Cannot freeze: there are no control groups to do it with', {
      hint: 'mount the freezer hierarchy, or without root use cgroup v2 and Delegate=yes',
    })
  }
  const events = join(v2.directory, 'cgroup.events')
  const isFrozen = () => readCgroupField(events, 'frozen') === 1
  return { switchFile: join(v2.directory, 'cgroup.freeze'), on: '1', off: '0', isFrozen, events }
}

/** SIGKILL for the whole tree in one write (v2, Linux 5.14), forks in flight included. */
function killAtOnce(directory: string): boolean {
  const file = join(directory, 'cgroup.kill')
  if (readCgroupFile(join(directory, 'cgroup.events')) === undefined) return true
  try {
    writeCgroupFile(file, '1')
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return false
    throw error
  }
}

/** A process frozen by v1 dies only after the thaw. */
function thawV1(directories: readonly GroupDirectory[]): void {
  if (directoryOf(directories, 'freezer')) thawGroup(directories)
}

/**
 * Frozen processes cannot fork, so each round's list is complete; a round follows for late
 * arrivals.
 */
async function killOneByOne(
  directories: readonly GroupDirectory[],
  directory: string,
  deadline: number,
): Promise<void> {
  for (let round = 1; processesIn(directory).length > 0; round += 1) {
    const isLate = round > 1 && performance.now() > deadline
    if (isLate || round > CGROUP_KILL_ROUNDS_MAX) throw cannotKill(directory)
    const canFreeze = directoryOf(directories, 'freezer') ?? unifiedDirectory(directories)
    if (canFreeze) await freezeGroup(directories).catch(() => undefined)
    for (const pid of processesIn(directory)) killProcess(pid)
    if (canFreeze) thawGroup(directories)
    await waitUntil(() => processesIn(directory).length === 0, { timeoutMs: CGROUP_STILL_MS_MAX })
  }
}

function killProcess(pid: number): void {
  // One outside of our pid namespace, which is 0 here: as an argument of kill(2) that were us.
  if (pid <= 0) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}

function cannotKill(directory: string): EngineError {
  const pids = processesIn(directory)
  const names = pids.map((pid) => `${pid} (${readCgroupFile(`/proc/${pid}/comm`) ?? 'gone'})`)
  return new EngineError(
    'ACTION_FAILED',
    `Cannot kill process ${names.join(', ')} of "${directory}": SIGKILL was sent, and it has not ` +
      'ended; it hangs in the kernel',
    {
      hint:
        `see where: cat /proc/${pids[0] ?? 'PID'}/stack; it ends when its disk, device or server ` +
        'answers, and is cleaned up then',
    },
  )
}
