/** Which cgroup hierarchies are mounted, read from the text of /proc/self/mountinfo. */

import { unescapeMountPath } from '../mountinfo.ts'
import type { CgroupHierarchy } from './types.ts'

/**
 * Every hierarchy once, v1 and v2, in the order of mounting. `readControllers` gives the text of a
 * v2 mount's `cgroup.controllers`.
 * @see proc_pid_mountinfo(5), cgroups(7)
 */
export function parseHierarchies(
  mountinfo: string,
  readControllers: (mountPoint: string) => string,
): readonly CgroupHierarchy[] {
  const found = new Map<string, CgroupHierarchy>()
  for (const line of mountinfo.split('\n')) {
    const mount = parseMount(line)
    if (!mount) continue
    const controllers =
      mount.version === 2
        ? words(readControllers(mount.mountPoint), ' ')
        : words(mount.superOptions, ',').filter((option) => !MOUNT_OPTIONS.test(option))
    // A hierarchy may be mounted several times; a writable mount wins, then the first.
    const key = mount.version === 2 ? 'v2' : controllers.join(',')
    const known = found.get(key)
    if (known && !(known.readOnly && !mount.readOnly)) continue
    const { version, mountPoint, root, readOnly } = mount
    found.set(key, { version, mountPoint, root, controllers, readOnly })
  }
  return [...found.values()]
}

/** Options of a v1 superblock that name no controller (kernel/cgroup/cgroup-v1.c). */
const MOUNT_OPTIONS = /^(rw|ro|xattr|noprefix|clone_children|favordynmods|release_agent=.*)$/

interface CgroupMount {
  readonly version: 1 | 2
  readonly mountPoint: string
  readonly root: string
  readonly superOptions: string
  readonly readOnly: boolean
}

function parseMount(line: string): CgroupMount | undefined {
  // 32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
  const [before, after] = line.split(' - ')
  const [type, , superOptions = ''] = (after ?? '').split(' ')
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined
  const fields = (before ?? '').split(' ')
  const [root = '', mountPoint = '', options = ''] = fields.slice(3)
  return {
    version: type === 'cgroup' ? 1 : 2,
    mountPoint: unescapeMountPath(mountPoint),
    root: unescapeMountPath(root),
    superOptions,
    readOnly: [options, superOptions].some((list) => words(list, ',').includes('ro')),
  }
}

function words(text: string, separator: string): readonly string[] {
  return text
    .trim()
    .split(separator)
    .filter((word) => word !== '')
}
