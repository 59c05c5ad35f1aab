/** Moves this process into a group of its own, and back. */

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { isErrno } from '../../errors.ts'
import { isCounting } from '../crash-point.ts'
import { inUserNamespace } from '../own-users.ts'
import { moveCallers } from './callers.ts'
import { type GroupDirectory, groupDirectories } from './directories.ts'
import { processesIn } from './end.ts'
import { writeCgroupFile, writeCgroupFileBeside } from './files.ts'
import { makeDirectories, removeDirectories } from './make.ts'
import type { CgroupHierarchy } from './types.ts'

/** The group that this process is about to be in. */
export interface EnteredGroup {
  /** Resolves when it is in it; before, whoever is born is not. */
  readonly entered: Promise<void>
  /** Goes back to where it was and removes the group, unless others still live in it. */
  leave(): void
}

/** Makes the group `path` without limits and enters it in every hierarchy. */
export function enterGroup(hierarchies: readonly CgroupHierarchy[], path: string): EnteredGroup {
  const directories = groupDirectories(hierarchies, path)
  const own = ownGroups(hierarchies, readFileSync('/proc/self/cgroup', 'utf8'))
  // Whoever was born in the group, by a process that lived there, cannot go back into it.
  const previous = own.map((directory) => {
    const group = directories.find((each) => each.directory === directory)
    return group?.mountPoint ?? directory
  })
  // What was given over to a user is where the user's own processes are.
  const callers: ReadonlyMap<string, string> = inUserNamespace()
    ? moveCallers(hierarchies)
    : new Map<string, string>()
  try {
    makeDirectories(directories, path)
  } catch (error) {
    removeMade(directories, path)
    throw error
  }
  const leave = () => {
    for (const [index, hierarchy] of hierarchies.entries()) {
      const directory = previous[index] ?? ''
      goBack(hierarchy, callers.get(directory) ?? directory)
    }
    if (directories.every((one) => processesIn(one.directory).length === 0))
      removeDirectories(directories, path)
  }
  const entered = enterAll(directories).catch((error: unknown) => {
    leave()
    throw error
  })
  return { entered, leave }
}

/** Where one could not be made, none can be removed either. */
function removeMade(directories: readonly GroupDirectory[], path: string): void {
  for (const one of directories) {
    try {
      removeDirectories([one], path)
    } catch {
      // Why is told by the error that led here.
    }
  }
}

/**
 * The directories that `text`, in the form of /proc/PID/cgroup, names: one for each hierarchy. A
 * group that the mounts do not show is replaced by the top of the mount.
 */
export function ownGroups(
  hierarchies: readonly CgroupHierarchy[],
  text: string,
): readonly string[] {
  return groupsIn(hierarchies, text).map(
    (own, index) => own ?? hierarchies[index]?.mountPoint ?? '',
  )
}

/** The same, but undefined for a hierarchy that `text` does not name. */
export function groupsIn(
  hierarchies: readonly CgroupHierarchy[],
  text: string,
): readonly (string | undefined)[] {
  const paths = new Map(
    text
      .split('\n')
      .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, controllers = '', path = '']) => [controllers, path]),
  )
  return hierarchies.map(({ version, controllers, mountPoint, root }) => {
    const path = paths.get(version === 2 ? '' : controllers.join(','))
    if (path === undefined) return undefined
    // A path that begins with /.. lies outside of our cgroup namespace (cgroup_namespaces(7)).
    const below = path.startsWith('/..') ? path.slice(1) : relative(root, path)
    return below.startsWith('..') ? mountPoint : join(mountPoint, below)
  })
}

/**
 * A unit of systemd takes its group along when it ends; the top of the tree is always there. In a
 * container that takes nobody once it passes controllers down, and then there is the group of the
 * first process, which lives somewhere.
 */
function goBack(hierarchy: CgroupHierarchy, directory: string): void {
  if (tryEnter(directory) || tryEnter(hierarchy.mountPoint)) return
  const [first = ''] = ownGroups([hierarchy], readFileSync('/proc/1/cgroup', 'utf8'))
  enter(first)
}

/** False when it is gone, or holds none but groups (EBUSY; cgroup-v2.rst, No Internal Process). */
function tryEnter(directory: string): boolean {
  try {
    enter(directory)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EBUSY')) return false
    throw error
  }
}

function enter(directory: string): void {
  writeCgroupFile(membersOf(directory), String(process.pid))
}

/**
 * Beside this thread, which goes on meanwhile: the first move waits until no process is being
 * forked or ends anywhere (cgroup_attach_lock), the others hardly. A point of a crash is one of
 * this thread.
 */
async function enterAll(directories: readonly GroupDirectory[]): Promise<void> {
  for (const { directory } of directories) {
    if (isCounting) enter(directory)
    else await writeCgroupFileBeside(membersOf(directory), String(process.pid))
  }
}

const membersOf = (directory: string): string => join(directory, 'cgroup.procs')
