/** Whether a process is still in the group that it was born in. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isExiting, isGone } from '../process.ts'
import type { GroupDirectory } from './directories.ts'
import { groupsIn } from './enter.ts'
import { writeCgroupFile } from './files.ts'
import type { CgroupHierarchy } from './types.ts'

/** A hierarchy in which a process is not where it belongs. */
export interface Stray {
  /** Controllers of v1, separated by commas; empty on v2. */
  readonly hierarchy: string
  /** Directory of the group that it should be in. */
  readonly home: string
  /** The group that it is in, below the hierarchy's mount: `/batch`. */
  readonly group: string
}

/**
 * Hierarchies in which `pid` is neither in the group of `directories` nor below it. None of a
 * process that ends: v1 shows it at the top (proc_cgroup_show in kernel/cgroup/cgroup.c).
 */
export function findStrays(
  hierarchies: readonly CgroupHierarchy[],
  directories: readonly GroupDirectory[],
  pid: number,
): readonly Stray[] {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
  const found = groupsIn(hierarchies, text)
  const strays = hierarchies.flatMap(({ mountPoint, version, controllers }, index) => {
    const home = directories.find((one) => one.mountPoint === mountPoint)?.directory
    const own = found[index]
    if (home === undefined || own === undefined) return []
    if (own === home || own.startsWith(`${home}/`)) return []
    const hierarchy = version === 2 ? '' : controllers.join(',')
    return [{ hierarchy, home, group: own.slice(mountPoint.length) || '/' }]
  })
  return strays.length > 0 && isExiting(pid) ? [] : strays
}

/** Moves `pid` with all its threads home. */
export function takeHome(strays: readonly Stray[], pid: number): void {
  for (const { home } of strays) writeCgroupFile(join(home, 'cgroup.procs'), `${pid}`)
}
