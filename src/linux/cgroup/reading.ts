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
    cpuUsageUs: readCpuUsage(directories),
    pids: inGroup(directoryOf(directories, 'pids'), 'pids.current'),
  }
}

function isPopulated(directories: readonly GroupDirectory[]): boolean {
  const v2 = unifiedDirectory(directories)
  const says = v2 && readCgroupField(join(v2.directory, 'cgroup.events'), 'populated')
  return says === undefined ? processesIn(witness(directories).directory).length > 0 : says === 1
}

function readMemory(home: GroupDirectory | undefined) {
  if (!home) return {}
  const v1 = home.version === 1
  const events = v1 ? 'memory.oom_control' : 'memory.events'
  return {
    memoryBytes: inGroup(home, v1 ? 'memory.usage_in_bytes' : 'memory.current'),
    memoryBytesPeak: inGroup(home, v1 ? 'memory.max_usage_in_bytes' : 'memory.peak'),
    oomKills: readCgroupField(join(home.directory, events), 'oom_kill'),
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

function inGroup(home: GroupDirectory | undefined, file: string): number | undefined {
  return home && readCgroupNumber(join(home.directory, file))
}
