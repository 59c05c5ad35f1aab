/** Which trees of the host hold its programs, mount point by mount point. */

import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { unescapeMountPath } from '../../../linux/index.ts'
import type { RootfsPart } from '../image.ts'
import { PROGRAM_DIRECTORIES } from './allow-list.ts'

/** Kernel interfaces and automatic mounts: no programs, and no lower of an overlay. */
const SKIPPED_TYPES = new Set(['proc', 'sysfs', 'cgroup', 'cgroup2', 'devpts', 'autofs', 'mqueue'])

/**
 * /usr and those of /bin, /sbin, /lib … that are directories, then everything mounted below them,
 * parents first. `mountinfo` is the text of /proc/self/mountinfo.
 */
export function programParts(host: string, mountinfo: string): readonly RootfsPart[] {
  const directories = PROGRAM_DIRECTORIES.map((name) => `/${name}`).filter((path) =>
    isDirectory(join(host, path)),
  )
  const mounted = mountPoints(mountinfo)
    .filter((path) => directories.some((directory) => path.startsWith(`${directory}/`)))
    .map((path) => ({ path, kind: kindOf(join(host, path)) }))
  const parts = [...directories.map((path) => ({ path, kind: 'directory' as const })), ...mounted]
  return parts
    .filter((part): part is RootfsPart => part.kind !== undefined)
    .sort((a, b) => depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1))
}

function mountPoints(mountinfo: string): readonly string[] {
  const points = mountinfo
    .split('\n')
    .filter((line) => line.includes(' - '))
    .filter((line) => !SKIPPED_TYPES.has(line.split(' - ')[1]?.split(' ')[0] ?? ''))
    .map((line) => line.split(' ')[4] ?? '')
    .map(unescapeMountPath)
  // The newest of several mounts on one place is the one that is seen.
  return [...new Set(points)]
}

function kindOf(path: string): RootfsPart['kind'] | undefined {
  try {
    const stat = lstatSync(path)
    return stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : undefined
  } catch {
    return undefined // covered by a later mount, or gone
  }
}

function isDirectory(path: string): boolean {
  return kindOf(path) === 'directory'
}

function depth(path: string): number {
  return path.split('/').length
}
