/** Where one group lives: a directory of the same path in every hierarchy. */

import assert from 'node:assert/strict'
import type { CgroupHierarchy } from './types.ts'

export interface GroupDirectory {
  readonly version: 1 | 2
  readonly directory: string
  readonly mountPoint: string
  readonly controllers: readonly string[]
}

/**
 * The directories of group `path` (`tsstack/1f/shop/web-1`), v1 in the order of mounting, then v2.
 */
export function groupDirectories(
  hierarchies: readonly CgroupHierarchy[],
  path: string,
): readonly GroupDirectory[] {
  for (const name of path.split('/')) {
    // The kernel refuses a newline in a group's name; dots would leave the tree.
    assert(/^[^\n]+$/.test(name) && name !== '.' && name !== '..', `"${path}" is no group path`)
  }
  return hierarchies
    .map(({ version, mountPoint, controllers }) => ({
      version,
      mountPoint,
      controllers,
      directory: `${mountPoint}/${path}`,
    }))
    .sort((a, b) => a.version - b.version)
}

/** Paths from `tsstack` down to `path` itself. */
export function pathsDownTo(path: string): readonly string[] {
  const names = path.split('/')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

/**
 * Of those the ones from the first `tsstack` on, which are ours: what a stack file names with
 * `cgroup_parent` comes before. All of them in a path without one.
 */
export function ownPathsDownTo(path: string): readonly string[] {
  const first = path.split('/').indexOf('tsstack')
  return pathsDownTo(path).slice(Math.max(0, first))
}

/**
 * The directory that limits `controller`, or `undefined` when this machine has no such controller.
 */
export function directoryOf(
  directories: readonly GroupDirectory[],
  controller: string,
): GroupDirectory | undefined {
  return directories.find((one) => one.controllers.includes(controller))
}

/** The v2 directory, also on a hybrid machine, where it limits nothing but knows the processes. */
export function unifiedDirectory(
  directories: readonly GroupDirectory[],
): GroupDirectory | undefined {
  return directories.find(({ version }) => version === 2)
}

/** The hierarchy that is asked which processes a group has. */
export function witness(directories: readonly GroupDirectory[]): GroupDirectory {
  const found = unifiedDirectory(directories) ?? directories[0]
  assert(found, 'a machine with cgroups has a hierarchy')
  return found
}
