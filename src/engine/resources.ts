/** From the stack's words for limits to what cgroups are told. */

import type { CgroupSettings, DeviceRule } from '../linux/index.ts'
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

/** Settings of the container's group, written before anything runs in it. */
export function cgroupSettings({ resources, privileged }: ContainerSpec): CgroupSettings {
  const { cpus, pidsMax } = resources
  return {
    memoryMax: resources.memoryBytesMax,
    memorySwapMax: memoryAndSwap(resources),
    memoryLow: resources.memoryBytesReserved,
    ...(cpus === undefined
      ? {}
      : { cpuQuotaUs: Math.round(cpus * CPU_PERIOD_US), cpuPeriodUs: CPU_PERIOD_US }),
    cpuShares: resources.cpuShares,
    cpuset: resources.cpuset,
    pidsMax: pidsMax === undefined || pidsMax < 0 ? undefined : pidsMax,
    devices: privileged ? [{ type: 'all', access: 'rwm' }] : DEFAULT_DEVICES,
  }
}

/** Docker's rule: as much swap as memory unless said otherwise; -1 is unlimited. */
function memoryAndSwap({
  memoryBytesMax,
  memorySwapBytesMax,
}: ContainerSpec['resources']): number | undefined {
  if (memorySwapBytesMax !== undefined)
    return memorySwapBytesMax < 0 ? undefined : memorySwapBytesMax
  return memoryBytesMax === undefined ? undefined : 2 * memoryBytesMax
}

function character(major: number, minor: number): DeviceRule {
  return { type: 'char', major, minor, access: 'rwm' }
}
