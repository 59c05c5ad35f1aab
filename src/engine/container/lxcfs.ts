/** Files of procfs and sysfs that tell of a container's own limits, as lxcfs keeps them. */

import { existsSync, statfsSync } from 'node:fs'
import { posix } from 'node:path'
import { EngineError } from '../../errors.ts'
import { type OciMount, OVER_PROC } from './oci.ts'

/** Where Debian's lxcfs is mounted. */
const LXCFS = '/var/lib/lxcfs'

/** Below proc; what an older lxcfs lacks is passed over. @see lxcfs(1) */
const FILES = ['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'slabinfo', 'stat', 'swaps', 'uptime']

const FUSE_SUPER_MAGIC = 0x65735546 // include/uapi/linux/magic.h

/** Throws LAUNCH where lxcfs does not run: the file system would answer nothing. */
export function lxcfsViews(container: string): readonly OciMount[] {
  const problem = problemOfLxcfs()
  if (problem !== undefined) {
    throw new EngineError(
      'LAUNCH',
      `Cannot show the limits of "${container}" in its procfs: ${problem}`,
      { hint: 'install and start lxcfs, or leave "procfs" out of "x-tsstack"' },
    )
  }
  const files = FILES.map((name) => `/proc/${name}`)
  return [...files, '/sys/devices/system/cpu/online']
    .filter((path) => existsSync(posix.join(LXCFS, path)))
    .map((path) => ({
      destination: path,
      type: 'bind',
      source: posix.join(LXCFS, path),
      options: ['bind', 'rprivate', 'nosuid', 'nodev', 'noexec', OVER_PROC],
    }))
}

function problemOfLxcfs(): string | undefined {
  try {
    const { type } = statfsSync(LXCFS)
    if (type !== FUSE_SUPER_MAGIC) return `lxcfs does not run: nothing is mounted at "${LXCFS}"`
    return existsSync(`${LXCFS}/proc/meminfo`) ? undefined : 'lxcfs does not answer'
  } catch {
    return `lxcfs does not run: there is no "${LXCFS}"`
  }
}
