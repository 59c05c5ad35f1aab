/** Makes room in a group that was given over: whoever lives in it moves into a group below. */

import { isErrno } from '../../errors.ts'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CGROUP_MOVE_ROUNDS_MAX } from '../../limits.ts'
import { readCgroupFile, writeCgroupFile } from './files.ts'
import type { CgroupHierarchy } from './types.ts'

/** Below the group that was given over: the shell, the command line and their like. */
const CALLERS = 'tsstack/_callers'

/** The group in which somebody lives whom {@link moveCallers} or the supervisor has moved. */
const MOVED = /\/tsstack\/(?:_callers|[^/]+\/_system)$/

/** `path` without what tsstack itself has put below it. */
export function withoutOwnGroups(path: string): string {
  return path.replace(MOVED, '')
}

/**
 * Moves every process of the hierarchies' tops one group down, where the top is an ordinary group:
 * only one without processes may pass controllers to those below it. Returns where they are now, by
 * the top that they have left. @see cgroup-v2.rst, "No Internal Process Constraint"
 */
export function moveCallers(hierarchies: readonly CgroupHierarchy[]): ReadonlyMap<string, string> {
  const moved = hierarchies
    .filter(({ version, mountPoint }) => version === 2 && isOrdinary(mountPoint))
    .map(({ mountPoint }) => [mountPoint, moveFrom(mountPoint)] as const)
  return new Map(moved)
}

/** The root of the tree has no type, and may have processes. */
function isOrdinary(directory: string): boolean {
  return existsSync(join(directory, 'cgroup.type'))
}

function moveFrom(top: string): string {
  const callers = join(top, CALLERS)
  mkdirSync(callers, { recursive: true, mode: 0o755 })
  // Some may fork meanwhile.
  for (let round = 0; round < CGROUP_MOVE_ROUNDS_MAX; round += 1) {
    const pids = processesOf(top)
    if (pids.length === 0) break
    for (const pid of pids) move(pid, callers)
  }
  return callers
}

/** A 0 is a process outside of our pid namespace, which we cannot name. */
function processesOf(directory: string): readonly string[] {
  const text = readCgroupFile(join(directory, 'cgroup.procs')) ?? ''
  return text.split('\n').filter((pid) => pid !== '' && pid !== '0')
}

function move(pid: string, directory: string): void {
  try {
    writeCgroupFile(join(directory, 'cgroup.procs'), pid)
  } catch (error) {
    // ESRCH: it has ended meanwhile.
    if (!isErrno(error, 'ESRCH')) throw error
  }
}
