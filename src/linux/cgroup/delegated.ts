/** The part of the groups that somebody without root of the machine may use: what was given over. */

import { accessSync, constants, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { withoutOwnGroups } from './callers.ts'
import { readCgroupFile } from './files.ts'
import { ownGroups } from './enter.ts'
import type { CgroupHierarchy } from './types.ts'

/**
 * Our own group of v2 as the top of a hierarchy, when its files are ours (systemd's `Delegate=`);
 * else none. v1 is never given over. @see Documentation/admin-guide/cgroup-v2.rst, "Delegation"
 */
export function delegatedHierarchies(
  mounted: readonly CgroupHierarchy[],
): readonly CgroupHierarchy[] {
  const v2 = mounted.filter(({ version }) => version === 2)
  const [group] = ownGroups(v2, readFileSync('/proc/self/cgroup', 'utf8'))
  const [hierarchy] = v2
  // A supervisor that was revived is in the group of the one before it, a later command elsewhere.
  const own = group === undefined ? undefined : withoutOwnGroups(group)
  if (hierarchy === undefined || own === undefined || !isOurs(own)) return []
  const controllers = (readCgroupFile(join(own, 'cgroup.controllers')) ?? '').split(' ')
  const root = join(hierarchy.root, relative(hierarchy.mountPoint, own))
  return [
    {
      ...hierarchy,
      isDelegated: true,
      mountPoint: own,
      root,
      controllers: controllers.filter(Boolean),
    },
  ]
}

function isOurs(directory: string): boolean {
  try {
    for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control']) {
      accessSync(join(directory, name), constants.W_OK)
    }
    return true
  } catch {
    return false
  }
}
