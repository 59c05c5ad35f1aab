/** Settings as writes to v1 files, in an order that the kernel accepts. */

import { asWrite, cgroupWrite, type CgroupWrite } from './settings-write.ts'
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
    ...further(settings),
    cgroupWrite('pids', 'pids.max', settings.pidsMax, 'max'),
    ...writesForV1Io(settings.blockIo, current.io),
  ]
}

/** What few groups have, so that it is written only when it is asked for. */
function further(settings: CgroupSettings): readonly CgroupWrite[] {
  const { memoryTcpMax, cpuBurstUs, cpuIdle, cpusetMems, networkClass } = settings
  const asked: readonly (CgroupWrite | undefined)[] = [
    asWrite('memory', 'memory.kmem.tcp.limit_in_bytes', memoryTcpMax),
    asWrite('cpu', 'cpu.cfs_burst_us', cpuBurstUs),
    asWrite('cpu', 'cpu.idle', cpuIdle === undefined ? undefined : Number(cpuIdle)),
    asWrite('cpuset', 'cpuset.mems', cpusetMems),
    asWrite('net_cls', 'net_cls.classid', networkClass),
    ...(settings.networkPriorities ?? []).map(({ name, priority }) =>
      asWrite('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`),
    ),
    ...(settings.hugetlb ?? []).map(({ pageSize, bytesMax }) =>
      asWrite('hugetlb', `hugetlb.${pageSize}.limit_in_bytes`, bytesMax),
    ),
  ]
  return asked.filter((write) => write !== undefined)
}

/** memory <= memory and swap must hold after each write: a raise begins with the sum. */
function memoryWrites(settings: CgroupSettings, currentSum: number): readonly CgroupWrite[] {
  const memory = cgroupWrite('memory', 'memory.limit_in_bytes', settings.memoryMax, '-1')
  const sum = cgroupWrite('memory', 'memory.memsw.limit_in_bytes', settings.memorySwapMax, '-1')
  const raises = (settings.memorySwapMax ?? Number.POSITIVE_INFINITY) >= currentSum
  return raises ? [sum, memory] : [memory, sum]
}
