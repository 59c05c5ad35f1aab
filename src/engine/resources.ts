/** From the stack's words for limits to what cgroups are told. */

import { PIDS_MAX_DEFAULT } from '../limits.ts'
import type { CgroupHost, CgroupSettings, DeviceRule } from '../linux/index.ts'
import type { ContainerSpec } from '../planner/index.ts'

/** CFS period in microseconds: the kernel's own default, in which Docker counts `cpus` as well. */
const CPU_PERIOD_US = 100_000

/**
 * What runc allows every container: any node may be made, these may be opened. Without 10:200
 * (/dev/net/tun), which needs NET_ADMIN anyway.
 */
const DEFAULT_DEVICES: readonly DeviceRule[] = [
  { type: 'char', access: 'm' },
  { type: 'block', access: 'm' },
  ...[3, 5, 7, 8, 9].map((minor) => character(1, minor)),
  ...[0, 1, 2].map((minor) => character(5, minor)),
  { type: 'char', major: 136, access: 'rwm' },
]

/** What the machine's cgroups can do; see CgroupHost. */
type Abilities = Pick<CgroupHost, 'can' | 'canLimitSwap'>

/**
 * Settings of the container's group, written before anything runs in it. A limit that the stack
 * file asks for is asked of the kernel, which may refuse it; one of our own is left out where there
 * is no controller for it.
 */
export function cgroupSettings(spec: ContainerSpec, machine: Abilities): CgroupSettings {
  const { resources, privileged } = spec
  return {
    memoryMax: resources.memoryBytesMax,
    memorySwapMax: memoryAndSwap(resources, machine),
    memoryLow: resources.memoryBytesReserved,
    ...cpuQuota(resources.cpus),
    cpuShares: resources.cpuShares === 0 ? undefined : resources.cpuShares,
    cpuset: resources.cpuset === '' ? undefined : resources.cpuset,
    pidsMax: processes(resources, machine),
    devices: privileged ? [{ type: 'all', access: 'rwm' }] : DEFAULT_DEVICES,
  }
}

function cpuQuota(cpus: number | undefined) {
  if (cpus === undefined || cpus === 0) return {}
  // The kernel takes no quota below 1 ms: min_cfs_quota_period in kernel/sched/core.c.
  const cpuQuotaUs = Math.max(CPU_QUOTA_US_MIN, Math.round(cpus * CPU_PERIOD_US))
  return { cpuQuotaUs, cpuPeriodUs: CPU_PERIOD_US }
}

const CPU_QUOTA_US_MIN = 1000

/** Docker's rule: as much swap as memory unless said otherwise; -1 is unlimited. */
function memoryAndSwap(
  { memoryBytesMax, memorySwapBytesMax }: ContainerSpec['resources'],
  machine: Abilities,
): number | undefined {
  if (memorySwapBytesMax !== undefined && memorySwapBytesMax !== 0) {
    return memorySwapBytesMax < 0 ? undefined : memorySwapBytesMax
  }
  if (memoryBytesMax === undefined || !machine.canLimitSwap) return undefined
  return 2 * memoryBytesMax
}

function processes(
  { pidsMax }: ContainerSpec['resources'],
  machine: Abilities,
): number | undefined {
  if (pidsMax === undefined || pidsMax <= 0) return undefined
  return pidsMax === PIDS_MAX_DEFAULT && !machine.can('pids') ? undefined : pidsMax
}

function character(major: number, minor: number): DeviceRule {
  return { type: 'char', major, minor, access: 'rwm' }
}
