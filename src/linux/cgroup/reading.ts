/** What the kernel says of a group now. */

import { join } from 'node:path'
import { directoryOf, unifiedDirectory, witness, type GroupDirectory } from './directories.ts'
import { processesIn } from './end.ts'
import { parseCgroupNumber, readCgroupField, readCgroupFile, readCgroupNumber } from './files.ts'
import type { CgroupReading } from './types.ts'

export function readGroup(directories: readonly GroupDirectory[]): CgroupReading {
  return {
    populated: isPopulated(directories),
    ...readMemory(directoryOf(directories, 'memory')),
    ...readMemoryPast(directories),
    cpuUsageUs: readCpuUsage(directories),
    ...readBlockIo(directories),
    pids: inGroup(directoryOf(directories, 'pids'), 'pids.current'),
  }
}

function isPopulated(directories: readonly GroupDirectory[]): boolean {
  if (directories.length === 0) return false
  const v2 = unifiedDirectory(directories)
  const says = v2 && readCgroupField(join(v2.directory, 'cgroup.events'), 'populated')
  return says === undefined ? processesIn(witness(directories).directory).length > 0 : says === 1
}

/** What a group remembers of its memory when its processes are gone: two files alone. */
export function readMemoryPast(
  directories: readonly GroupDirectory[],
): Pick<CgroupReading, 'memoryBytesPeak' | 'oomKills'> {
  const home = directoryOf(directories, 'memory')
  if (!home) return {}
  const v1 = home.version === 1
  const events = v1 ? 'memory.oom_control' : 'memory.events'
  return {
    memoryBytesPeak: inGroup(home, v1 ? 'memory.max_usage_in_bytes' : 'memory.peak'),
    oomKills: readCgroupField(join(home.directory, events), 'oom_kill'),
  }
}

function readMemory(
  home: GroupDirectory | undefined,
): Pick<CgroupReading, 'memoryBytes' | 'inactiveFileBytes'> {
  if (!home) return {}
  const v1 = home.version === 1
  return {
    memoryBytes: inGroup(home, v1 ? 'memory.usage_in_bytes' : 'memory.current'),
    inactiveFileBytes: readCgroupField(
      join(home.directory, 'memory.stat'),
      v1 ? 'total_inactive_file' : 'inactive_file',
    ),
  }
}

function readCpuUsage(directories: readonly GroupDirectory[]): number | undefined {
  const v1 = directoryOf(directories, 'cpuacct')
  if (v1) {
    const nanoseconds = parseCgroupNumber(readCgroupFile(join(v1.directory, 'cpuacct.usage')))
    return nanoseconds === undefined ? undefined : Math.floor(nanoseconds / 1000)
  }
  const v2 = unifiedDirectory(directories)
  return v2 && readCgroupField(join(v2.directory, 'cpu.stat'), 'usage_usec')
}

/** Sums over devices: `8:0 Read 4096` of v1, `8:0 rbytes=4096 wbytes=0 …` of v2. */
function readBlockIo(
  directories: readonly GroupDirectory[],
): Pick<CgroupReading, 'readBytes' | 'writtenBytes'> {
  const v1 = directoryOf(directories, 'blkio')
  const v2 = unifiedDirectory(directories)
  const text = v1
    ? readCgroupFile(join(v1.directory, 'blkio.throttle.io_service_bytes_recursive'))
    : v2 && readCgroupFile(join(v2.directory, 'io.stat'))
  if (text === undefined) return {}
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0)
  return {
    readBytes: sum(/ (?:Read |rbytes=)(\d+)/g),
    writtenBytes: sum(/ (?:Write |wbytes=)(\d+)/g),
  }
}

function inGroup(home: GroupDirectory | undefined, file: string): number | undefined {
  return home && readCgroupNumber(join(home.directory, file))
}
