/** Settings as writes to v2 files. */

import { asWrite, cgroupWrite, type CgroupWrite } from './settings-write.ts'
import { type BlockIoState, writesForV2Io } from './settings-io.ts'
import type { CgroupSettings } from './types.ts'

/**
 * The writes that give a group `settings`.
 * @see Documentation/admin-guide/cgroup-v2.rst
 */
export function writesForV2(settings: CgroupSettings, io?: BlockIoState): readonly CgroupWrite[] {
  const { cpuQuotaUs, cpuPeriodUs = 100_000, cpuShares } = settings
  const cpuMax = cpuQuotaUs === undefined ? undefined : `${cpuQuotaUs} ${cpuPeriodUs}`
  const weight = cpuShares === undefined ? undefined : cpuWeight(cpuShares)
  return [
    cgroupWrite('memory', 'memory.max', settings.memoryMax, 'max'),
    cgroupWrite('memory', 'memory.swap.max', swapMax(settings), 'max'),
    cgroupWrite('memory', 'memory.low', settings.memoryLow, '0'),
    cgroupWrite('cpu', 'cpu.max', cpuMax, 'max 100000'),
    cgroupWrite('cpu', 'cpu.weight', weight, '100'),
    // A write of nothing does not reach the kernel; a newline empties the list.
    cgroupWrite('cpuset', 'cpuset.cpus', settings.cpuset, '\n'),
    cgroupWrite('pids', 'pids.max', settings.pidsMax, 'max'),
    ...further(settings),
    ...refused(settings),
    ...writesForV2Io(settings.blockIo, io),
  ]
}

/** v2 counts swap alone, Compose and v1 count it together with memory. */
function swapMax({ memoryMax = 0, memorySwapMax }: CgroupSettings): number | undefined {
  return memorySwapMax === undefined ? undefined : Math.max(0, memorySwapMax - memoryMax)
}

/**
 * v1's 2..262144 on v2's 1..10000 so that the defaults meet: 2 → 1, 1024 → 100, 262144 → 10000.
 * The quadratic in log2 is the one that runc and crun use since 2025 (opencontainers/cgroups).
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= 262_144) return 10_000
  const log = Math.log2(shares)
  const weight = 10 ** ((log * log + 125 * log) / 612 - 7 / 34)
  // Rounded first, so that 100 does not become 101 by the last bit of the power.
  return Math.ceil(Number(weight.toFixed(6)))
}

/** What few groups have, so that it is written only when it is asked for. */
function further(settings: CgroupSettings): readonly CgroupWrite[] {
  const { cpuBurstUs, cpuIdle, cpusetMems, memoryTcpMax, networkClass } = settings
  const asked: readonly (CgroupWrite | undefined)[] = [
    asWrite('cpu', 'cpu.max.burst', cpuBurstUs),
    asWrite('cpu', 'cpu.idle', cpuIdle === undefined ? undefined : Number(cpuIdle)),
    asWrite('cpuset', 'cpuset.mems', cpusetMems),
    asWrite('memory', 'memory.kmem.tcp.limit_in_bytes', memoryTcpMax),
    asWrite('net_cls', 'net_cls.classid', networkClass),
    ...(settings.networkPriorities ?? []).map(({ name, priority }) =>
      asWrite('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`),
    ),
    ...(settings.hugetlb ?? []).map(({ pageSize, bytesMax }) =>
      asWrite('hugetlb', `hugetlb.${pageSize}.max`, bytesMax),
    ),
  ]
  return asked.filter((write) => write !== undefined)
}

/** What v2 has no file for: asked for all the same, so that the refusal names it. */
function refused(settings: CgroupSettings): readonly CgroupWrite[] {
  const { cpuRealtimeUs, cpuRealtimePeriodUs, memorySwappiness, oomKillDisable } = settings
  return [
    cgroupWrite('cpu', 'cpu.rt_runtime_us', cpuRealtimeUs, '0'),
    cgroupWrite('cpu', 'cpu.rt_period_us', cpuRealtimePeriodUs, '0'),
    cgroupWrite('memory', 'memory.swappiness', memorySwappiness, '60'),
    cgroupWrite('memory', 'memory.oom_control', oomKillDisable === true ? 1 : undefined, '0'),
  ]
}
