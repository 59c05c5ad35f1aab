/** The cgroups of this machine: v1, v2 or both, behind one door. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { inUserNamespace } from '../own-users.ts'
import { delegatedHierarchies } from './delegated.ts'
import { groupDirectories, pathsDownTo } from './directories.ts'
import { readCgroupFile } from './files.ts'
import { groupAt, type Cgroup } from './group.ts'
import { parseHierarchies } from './hierarchies.ts'
import { childGroups, makeDirectories, removeIfEmpty } from './make.ts'
import { passProtection } from './protection.ts'
import { applySettings } from './settings.ts'
import { type EnteredGroup, enterGroup } from './enter.ts'
import type { CgroupHierarchy, CgroupSettings } from './types.ts'

export interface CgroupHost {
  /** `none`: without root of the machine, and nothing was given over. `hybrid`: v1 limits, and a v2 tree beside it knows the processes. */
  readonly mode: 'v1' | 'v2' | 'hybrid' | 'none'
  readonly hierarchies: readonly CgroupHierarchy[]
  /**
   * True when this machine can limit by `controller`: cpu, cpuset, memory, pids, devices, freezer.
   */
  can(controller: string): boolean
  /** True when swap can be limited beside memory. */
  readonly canLimitSwap: boolean
  /**
   * Makes the group with its limits and device rules; no process is in yet. An empty group of that
   * path, left by a crash, is replaced.
   * @throws {EngineError} NO_CGROUP; ACTION_FAILED when processes live in a group of that path.
   */
  create(path: string, settings: CgroupSettings): Cgroup
  /** A handle on a group that may exist. */
  open(path: string): Cgroup
  /** Paths of all groups below `prefix` in any hierarchy, deepest first. */
  list(prefix: string): readonly string[]
  /** Directories of `path` and of the groups above it that are not there, highest first. */
  missing(path: string): readonly string[]
  /** Removes a directory that {@link missing} named; false while somebody uses it. */
  removeIfEmpty(directory: string): boolean
  /**
   * Makes `path` and moves this process into it.
   * @throws {EngineError} NO_CGROUP
   */
  enterSystem(path: string): EnteredGroup
}

/**
 * Reads /proc/self/mountinfo and says what can be used.
 * @throws {EngineError} NO_CGROUP when nothing is mounted, or only read-only.
 */
export function detectCgroups(): CgroupHost {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')
  const hierarchies = parseHierarchies(
    mountinfo,
    (mountPoint) => readCgroupFile(join(mountPoint, 'cgroup.controllers')) ?? '',
  )
  return inUserNamespace() ? hostOver(delegatedHierarchies(hierarchies)) : cgroupHost(hierarchies)
}

/** A host over the given hierarchies; read-only ones are left out. */
export function cgroupHost(mounted: readonly CgroupHierarchy[]): CgroupHost {
  const hierarchies = mounted.filter(({ readOnly }) => !readOnly)
  refuseUnusable(mounted, hierarchies)
  return hostOver(hierarchies)
}

function hostOver(hierarchies: readonly CgroupHierarchy[]): CgroupHost {
  const versions = new Set(hierarchies.map(({ version }) => version))
  return {
    mode:
      versions.size === 0 ? 'none' : versions.size === 2 ? 'hybrid' : versions.has(2) ? 'v2' : 'v1',
    hierarchies,
    can: (controller) => canLimit(hierarchies, controller),
    canLimitSwap: canLimitSwap(hierarchies),
    create: (path, settings) => {
      // All that are made at once need the same one: it is made now, not by each of them.
      if (path.includes('/')) makeParent(hierarchies, dirname(path))
      return createGroup(hierarchies, path, settings)
    },
    open: (path) => groupAt(hierarchies, path),
    list: (prefix) => listGroups(hierarchies, prefix),
    missing: (path) =>
      pathsDownTo(path)
        .flatMap((each) => groupDirectories(hierarchies, each))
        .map(({ directory }) => directory)
        .filter((directory) => !existsSync(directory)),
    removeIfEmpty,
    enterSystem: (path) => enterGroup(hierarchies, path),
  }
}

function refuseUnusable(
  mounted: readonly CgroupHierarchy[],
  usable: readonly CgroupHierarchy[],
): void {
  if (usable.some(({ version, controllers }) => version === 2 || isLimiting(controllers))) return
  const seen =
    mounted.length === 0
      ? 'no cgroup file system is mounted'
      : `only read-only: ${mounted.map(({ mountPoint }) => mountPoint).join(', ')}`
  throw new EngineError('NO_CGROUP', `Cannot use cgroups: ${seen}; a writable one is needed`, {
    hint:
      mounted.length === 0
        ? 'Mount it: mount -t cgroup2 none /sys/fs/cgroup'
        : 'Remount it read-write, or start the container that tsstack runs in with --privileged',
  })
}

/** False for a v1 hierarchy that only names groups, such as systemd's. */
function isLimiting(controllers: readonly string[]): boolean {
  return controllers.some((name) => !name.startsWith('name='))
}

function canLimit(hierarchies: readonly CgroupHierarchy[], controller: string): boolean {
  if (hierarchies.some(({ controllers }) => controllers.includes(controller))) return true
  // v2 filters devices by program and freezes without a controller.
  const builtIn = controller === 'devices' || controller === 'freezer'
  return builtIn && hierarchies.some(({ version }) => version === 2)
}

function canLimitSwap(hierarchies: readonly CgroupHierarchy[]): boolean {
  const memory = hierarchies.find(({ controllers }) => controllers.includes('memory'))
  if (!memory) return false
  return memory.version === 1
    ? existsSync(join(memory.mountPoint, 'memory.memsw.limit_in_bytes'))
    : existsSync('/proc/swaps') // the root group of v2 has no limit files; both are CONFIG_SWAP's
}

/** One that is there in part is completed by who needs it. */
function makeParent(hierarchies: readonly CgroupHierarchy[], path: string): void {
  const directories = groupDirectories(hierarchies, path)
  if (directories[0] && existsSync(directories[0].directory)) return
  makeDirectories(directories, path)
}

function createGroup(
  hierarchies: readonly CgroupHierarchy[],
  path: string,
  settings: CgroupSettings,
): Cgroup {
  const directories = groupDirectories(hierarchies, path)
  const group = groupAt(hierarchies, path)
  const isFound = orRemove(group, () => makeDirectories(directories, path))
  if (isFound) replaceLeftover(group)
  return orRemove(group, () => {
    if (isFound) makeDirectories(directories, path)
    applySettings(directories, settings, { fresh: true })
    if (settings.memoryLow !== undefined) passProtection(directories, path)
    return group
  })
}

function orRemove<T>(group: Cgroup, make: () => T): T {
  try {
    return make()
  } catch (error) {
    group.remove()
    throw error
  }
}

function replaceLeftover(group: Cgroup): void {
  const pids = group.processes()
  if (pids.length > 0) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot create cgroup "${group.path}": processes ${pids.join(', ')} live in it; end them first`,
    )
  }
  group.remove()
}

function listGroups(hierarchies: readonly CgroupHierarchy[], prefix: string): readonly string[] {
  const below = (mountPoint: string, path: string): readonly string[] =>
    childGroups(join(mountPoint, path)).flatMap((name) => {
      const child = `${path}/${name}`
      return [...below(mountPoint, child), child]
    })
  return [...new Set(hierarchies.flatMap(({ mountPoint }) => below(mountPoint, prefix)))].sort(
    (a, b) => b.split('/').length - a.split('/').length || (a < b ? -1 : 1),
  )
}
