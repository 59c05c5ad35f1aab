/** Makes and removes the directories of a group. */

import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError, errorText, isErrno, KernelError } from '../../errors.ts'
import { CGROUP_MAKE_TRIES_MAX } from '../../limits.ts'
import { ownPathsDownTo, pathsDownTo, type GroupDirectory } from './directories.ts'
import { kernelError } from '../libc.ts'
import { asKernelError, hasCode, readCgroupFile, writeCgroupFile } from './files.ts'

/**
 * Makes the group's directory and what is missing above it, with the parents' controllers passed
 * down. True: there was a group of this path already, in one hierarchy at least.
 */
export function makeDirectories(directories: readonly GroupDirectory[], path: string): boolean {
  const found = directories.map((one) => makeDirectory(one, path))
  return found.includes(true)
}

/**
 * Removes the group, the groups below it, and its parents up to `tsstack` as far as they are empty.
 */
export function removeDirectories(
  directories: readonly GroupDirectory[],
  path: string,
  options: { readonly keepParents?: boolean } = {},
): void {
  for (const { directory } of directories) removeTree(directory)
  if (options.keepParents) return
  for (const parent of ownPathsDownTo(path).slice(0, -1).reverse()) {
    // A parent in use is in use everywhere, so the first refusal is the last question.
    const isGone = directories.every(({ mountPoint }) => removeIfEmpty(join(mountPoint, parent)))
    if (!isGone) return
  }
}

/** A directory of kernfs is linked from its parent and from itself (kernfs_refresh_inode). */
const LINKS_OF_NONE = 2

/** Names of the groups directly below `directory`; none when it is gone. */
export function childGroups(directory: string): readonly string[] {
  try {
    // Each directory in it is a link to it: nearly always there are none to be listed.
    if (statSync(directory).nlink === LINKS_OF_NONE) return []
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV')) return []
    throw asKernelError(error, 'readdir', [directory])
  }
}

/** True when it was there already. */
function makeDirectory(one: GroupDirectory, path: string): boolean {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Nearly always the parents are there already: one mkdir and one look.
      const result = attempt === 1 ? tryMkdir(one.directory) : 'orphan'
      if (result === 'orphan' || !isReady(one)) makeFromTop(one, path)
      return result === 'found'
    } catch (error) {
      // Another state root may remove the empty `tsstack` between two of our steps.
      const gone = isErrno(error, 'ENOENT')
      if (!gone || attempt >= CGROUP_MAKE_TRIES_MAX) throw error
    }
  }
}

/** True when the parents passed down what the group needs. */
function isReady({ version, directory, controllers }: GroupDirectory): boolean {
  if (version === 1 && controllers.includes('cpuset')) {
    return readCgroupFile(join(directory, 'cpuset.mems')) !== ''
  }
  if (version === 1) return true
  const passed = readCgroupFile(join(directory, 'cgroup.controllers'))?.split(' ') ?? []
  return used(controllers).every((controller) => passed.includes(controller))
}

function makeFromTop(one: GroupDirectory, path: string): void {
  for (const part of pathsDownTo(path)) {
    const directory = join(one.mountPoint, part)
    if (one.version === 2) enableControllers(directory, used(one.controllers))
    if (tryMkdir(directory) === 'orphan')
      throw kernelError(ENOENT, { syscall: 'mkdir', args: [directory] })
    if (one.version === 1 && one.controllers.includes('cpuset')) inheritCpuset(directory)
  }
}

const ENOENT = 2

/** The controllers that our settings write to; others stay as the machine's owner has them. */
function used(controllers: readonly string[]): readonly string[] {
  return controllers.filter((name) =>
    ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'].includes(name),
  )
}

/** `orphan`: a parent is missing. Else the directory is there now. */
function tryMkdir(directory: string): 'made' | 'found' | 'orphan' {
  try {
    mkdirSync(directory, { mode: 0o755 })
    return 'made'
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return 'found'
    if (hasCode(error, 'ENOENT')) return 'orphan'
    throw refusal(directory, asKernelError(error, 'mkdir', [directory]))
  }
}

/** Why the group in `directory` cannot be made, when it is the machine that has to be changed. */
function refusal(directory: string, cause: unknown): unknown {
  if (!isErrno(cause, 'EROFS', 'EACCES', 'EPERM')) return cause
  return new EngineError('NO_CGROUP', `Cannot create cgroup "${directory}": ${cause.message}`, {
    hint: 'Mount the cgroup file system read-write, or run tsstack as root outside of a container',
    cause,
  })
}

/** v2 hands a controller to the children of a group only when its subtree_control says so. */
function enableControllers(directory: string, controllers: readonly string[]): void {
  const parent = dirname(directory)
  const file = join(parent, 'cgroup.subtree_control')
  const enabled = readCgroupFile(file)?.split(' ') ?? []
  for (const controller of controllers) {
    if (enabled.includes(controller)) continue
    try {
      writeCgroupFile(file, `+${controller}`)
    } catch (cause) {
      if (cause instanceof KernelError && cause.syscall === 'open') throw refusal(directory, cause)
      // EBUSY: processes live in the parent, which only the real root may have (cgroup-v2.rst).
      throw new EngineError('NO_CGROUP', `Cannot pass "${controller}" down: ${errorText(cause)}`, {
        hint:
          `Move the processes of "${parent}" into a group below it, or mount the host's cgroup ` +
          'tree',
        cause,
      })
    }
  }
}

/**
 * A new v1 cpuset has no processor and no memory node, and then refuses every process. With
 * clone_children the kernel gives groups made below it what their parent has. @see cgroups.rst
 */
function inheritCpuset(directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(directory, file)
    if (readCgroupFile(own) !== '') continue
    writeCgroupFile(own, readCgroupFile(join(dirname(directory), file)) ?? '')
  }
  writeCgroupFile(join(directory, 'cgroup.clone_children'), '1')
}

function removeTree(directory: string): void {
  if (removeIfEmpty(directory)) return
  for (const name of childGroups(directory)) removeTree(join(directory, name))
  try {
    rmdirSync(directory)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    const hint = 'EBUSY means that a process is in the group; stop it first'
    throw asKernelError(error, 'rmdir', [directory], hint)
  }
}

/** False when the directory still holds something, or somebody else's group. */
export function removeIfEmpty(directory: string): boolean {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (hasCode(error, 'EBUSY', 'ENOTEMPTY')) return false
    if (!hasCode(error, 'ENOENT')) throw asKernelError(error, 'rmdir', [directory])
  }
  return true
}
