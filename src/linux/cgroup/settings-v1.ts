/** Settings as writes to v1 files, in an order that the kernel accepts. */

import { cgroupWrite, type CgroupWrite } from './settings-write.ts'
import { type BlockIoState, writesForV1Io } from './settings-io.ts'
import type { CgroupSettings } from './types.ts'

/**
 * The writes that turn a group whose memory and swap are limited to `currentSum` bytes (absent: not
 * limited) into `settings`. `parentCpus` is what a group without a cpuset of its own gets.
 * @see Documentation/admin-guide/cgroup-v1/memory.rst, Documentation/scheduler/sched-bwc.rst
 */
export function writesForV1(
  settings: CgroupSettings,
  current: {
    readonly sum?: number | undefined
    readonly parentCpus: string
    readonly io?: BlockIoState | undefined
  },
): readonly CgroupWrite[] {
  return [
    ...memoryWrites(settings, current.sum ?? Number.POSITIVE_INFINITY),
    cgroupWrite('memory', 'memory.soft_limit_in_bytes', settings.memoryLow, '-1'),
    cgroupWrite('cpu', 'cpu.cfs_period_us', settings.cpuPeriodUs, '100000'),
    cgroupWrite('cpu', 'cpu.cfs_quota_us', settings.cpuQuotaUs, '-1'),
    cgroupWrite('cpu', 'cpu.rt_period_us', settings.cpuRealtimePeriodUs, '1000000'),
    cgroupWrite('cpu', 'cpu.rt_runtime_us', settings.cpuRealtimeUs, '0'),
    cgroupWrite('memory', 'memory.swappiness', settings.memorySwappiness, '60'),
    cgroupWrite(
      'memory',
      'memory.oom_control',
      settings.oomKillDisable === true ? 1 : undefined,
      '0',
    ),
    cgroupWrite('cpu', 'cpu.shares', settings.cpuShares, '1024'),
    cgroupWrite('cpuset', 'cpuset.cpus', settings.cpuset, current.parentCpus),
    cgroupWrite('pids', 'pids.max', settings.pidsMax, 'max'),
    ...writesForV1Io(settings.blockIo, current.io),
  ]
}

/** memory <= memory and swap must hold after each write: a raise begins with the sum. */
function memoryWrites(settings: CgroupSettings, currentSum: number): readonly CgroupWrite[] {
  const memory = cgroupWrite('memory', 'memory.limit_in_bytes', settings.memoryMax, '-1')
  const sum = cgroupWrite('memory', 'memory.memsw.limit_in_bytes', settings.memorySwapMax, '-1')
  const raises = (settings.memorySwapMax ?? Number.POSITIVE_INFINITY) >= currentSum
  return raises ? [sum, memory] : [memory, sum]
}
