/** One cgroup in every hierarchy of the machine: its settings, its processes, its end. */

import { closeSync, constants, openSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Fd } from '../fd.ts'
import { mountSetattr, openTree } from '../mount.ts'
import { groupDirectories, unifiedDirectory, witness, type GroupDirectory } from './directories.ts'
import {
  freezeGroup,
  isGroupFrozen,
  killGroup,
  processesIn,
  thawGroup,
  type KillOptions,
  waitGroupEmpty,
} from './end.ts'
import { hasLimits, readFacts, type CgroupFact } from './drift.ts'
import { asKernelError, writeCgroupFile } from './files.ts'
import { removeDirectories } from './make.ts'
import { isProtected, passProtection } from './protection.ts'
import { readGroup, readMemoryPast } from './reading.ts'
import { applySettings } from './settings.ts'
import { findStrays, type Stray } from './strays.ts'
import type { CgroupHierarchy, CgroupJoin, CgroupReading, CgroupSettings } from './types.ts'

/** A group. One that is gone reads as empty, and killing or removing it succeeds. */
export interface Cgroup {
  /** Below the mount points, without a slash at either end: `tsstack/1f/shop/web-1`. */
  readonly path: string
  /**
   * Its directories as a container's /sys/fs/cgroup shows them: by the name of the v1 hierarchy, or
   * one with an empty name on a pure v2 machine.
   */
  places(): readonly { readonly name: string; readonly directory: string }[]
  /**
   * What a child needs to enter. Its descriptor is closed with closeCgroupJoin. `inSight`: programs
   * of the container see the child before it has let go of that descriptor. One who may trace it
   * (CAP_SYS_PTRACE) then finds the group's directory, read-only and with nothing above it.
   */
  join(how?: { readonly inSight?: boolean }): CgroupJoin
  /** Moves the process `pid` with all its threads; for one that lives already. */
  enter(pid: number): void
  /** Where the process `pid`, which belongs here, is instead. */
  strays(pid: number): readonly Stray[]
  /** Makes these the settings: what is absent loses its limit (devices stay as they are). */
  update(settings: CgroupSettings): void
  read(): CgroupReading
  /** What it remembers of its memory: less to ask for than all of {@link read}. */
  memory(): Pick<CgroupReading, 'memoryBytesPeak' | 'oomKills'>
  /** What the group's files say beside `settings`. None when it is gone. */
  facts(settings: CgroupSettings): readonly CgroupFact[]
  /** The directories with the files that {@link facts} reads. */
  limitDirectories(): readonly string[]
  /** Process ids as our own pid namespace sees them, those of the groups below included. */
  processes(): readonly number[]
  /** Resolves when the kernel says that every process stands still. */
  freeze(): Promise<void>
  thaw(): void
  /** Whether somebody froze it; false when it is gone. */
  isFrozen(): boolean
  /**
   * Kills every process, frozen ones too; resolves when the kernel has counted the last one out.
   */
  killAll(options?: KillOptions): Promise<void>
  /** Resolves with true when no process is left, false after `timeoutMs`. */
  waitEmpty(options: { readonly timeoutMs: number }): Promise<boolean>
  /**
   * Removes the group with the groups below it, and its parents as far as they are empty, unless
   * `keepParents`: for a group that will soon be made again.
   */
  remove(options?: { readonly keepParents?: boolean }): void
}

/** A handle on the group `path`; asks nothing of the kernel. */
export function groupAt(hierarchies: readonly CgroupHierarchy[], path: string): Cgroup {
  const directories = groupDirectories(hierarchies, path)
  return {
    path,
    places: () => placesOf(directories),
    join: (how) => openJoin(directories, how),
    enter(pid) {
      for (const one of directories) writeCgroupFile(join(one.directory, 'cgroup.procs'), `${pid}`)
    },
    strays: (pid) => findStrays(hierarchies, directories, pid),
    update(settings) {
      applySettings(directories, settings, { fresh: false })
      passProtection(directories, path)
    },
    read: () => readGroup(directories),
    memory: () => readMemoryPast(directories),
    facts: (settings) => readFacts(directories, settings),
    limitDirectories: () => directories.filter(hasLimits).map(({ directory }) => directory),
    processes: () => (directories.length === 0 ? [] : processesIn(witness(directories).directory)),
    freeze: () => freezeGroup(directories),
    thaw: () => thawGroup(directories),
    isFrozen: () => isGroupFrozen(directories),
    killAll: (options) => killGroup(directories, options),
    waitEmpty: (options) => waitGroupEmpty(directories, options),
    remove(options) {
      const wasProtected = isProtected(directories)
      removeDirectories(directories, path, options)
      if (wasProtected) passProtection(directories, path)
    },
  }
}

function placesOf(
  directories: readonly GroupDirectory[],
): readonly { readonly name: string; readonly directory: string }[] {
  const v1 = directories.filter(({ version }) => version === 1)
  if (v1.length === 0) return directories.map(({ directory }) => ({ name: '', directory }))
  return v1.map(({ mountPoint, directory }) => ({ name: basename(mountPoint), directory }))
}

/** Closes what {@link Cgroup.join} opened. */
export function closeCgroupJoin({ cloneInto }: CgroupJoin): void {
  if (cloneInto !== undefined) closeSync(cloneInto)
}

function openJoin(
  directories: readonly GroupDirectory[],
  { inSight = false }: { readonly inSight?: boolean } = {},
): CgroupJoin {
  const tasks = directories
    .filter(({ version }) => version === 1)
    .map(({ directory }) => join(directory, 'tasks'))
  const v2 = unifiedDirectory(directories)?.directory
  if (v2 === undefined) return { tasks }
  return { tasks, cloneInto: inSight ? openAlone(v2) : openDirectory(v2) }
}

function openDirectory(path: string): Fd {
  try {
    // Node opens with O_CLOEXEC.
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    throw asKernelError(error, 'open', [path])
  }
}

/** A mount of the directory that is nowhere: `..` ends at it, in place of the host's root. */
function openAlone(path: string): Fd {
  const tree = openTree(path, { clone: true })
  try {
    mountSetattr(tree, { set: { readOnly: true } })
    return tree
  } catch (error) {
    closeSync(tree)
    throw error
  }
}
