/** From the stack's words for limits to what cgroups are told. */

import { PIDS_MAX_DEFAULT } from '../limits.ts'
import { EngineError } from '../errors.ts'
import {
  type BlockIoSettings,
  type CgroupHost,
  type CgroupSettings,
  type DeviceRule,
  parseDeviceRule,
} from '../linux/index.ts'
import type { BlockIoSpec, ContainerSpec } from '../planner/index.ts'
import { blockDevice, type HostDevice } from './container/devices.ts'

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
  // Not 5:1, the console of the host: a container's own is a terminal of its devpts.
  ...[0, 2].map((minor) => character(5, minor)),
  { type: 'char', major: 136, access: 'rwm' },
]

/** What the machine's cgroups can do; see CgroupHost. */
type Abilities = Pick<CgroupHost, 'can' | 'canLimitSwap'>

/**
 * Settings of the container's group, written before anything runs in it. A limit that the stack
 * file asks for is asked of the kernel, which may refuse it; one of our own is left out where there
 * is no controller for it.
 */
export function cgroupSettings(
  spec: ContainerSpec,
  machine: Abilities,
  devices: readonly HostDevice[] = [],
): CgroupSettings {
  const { resources } = spec
  return {
    memoryMax: resources.memoryBytesMax,
    memorySwapMax: memoryAndSwap(resources, machine),
    memoryLow: resources.memoryBytesReserved,
    ...cpuQuota(resources),
    cpuRealtimeUs: resources.cpuRealtimeUs,
    cpuRealtimePeriodUs: resources.cpuRealtimePeriodUs,
    memorySwappiness: resources.memorySwappiness,
    oomKillDisable: resources.oomKillDisable,
    blockIo: blockIo(resources.blockIo),
    hugetlb:
      resources.hugetlb &&
      Object.entries(resources.hugetlb).map(([pageSize, bytesMax]) => ({ pageSize, bytesMax })),
    cpuShares: resources.cpuShares === 0 ? undefined : resources.cpuShares,
    cpuset: resources.cpuset === '' ? undefined : resources.cpuset,
    pidsMax: processes(resources, machine),
    devices: deviceRules(spec, devices),
  }
}

/** The default devices, those of the stack file, and its further rules. */
function deviceRules(
  { privileged, deviceRules: rules = [] }: ContainerSpec,
  devices: readonly HostDevice[],
): readonly DeviceRule[] {
  if (privileged) return [{ type: 'all', access: 'rwm' }]
  const own = devices.map(({ type, major, minor, access }): DeviceRule => ({
    type,
    major,
    minor,
    access,
  }))
  return [...DEFAULT_DEVICES, ...own, ...rules.flatMap(ruleOf)]
}

/** `a` with numbers stands for both kinds. @see Documentation/admin-guide/cgroup-v1/devices.rst */
function ruleOf(text: string): readonly DeviceRule[] {
  const rule = parseDeviceRule(text)
  if (rule === undefined) {
    throw new EngineError('LAUNCH', `Cannot read the device rule "${text}"`, {
      hint: 'write it as "c 10:200 rwm": type a, b or c, numbers or *, and letters of rwm',
    })
  }
  const isEverything = rule.major === undefined && rule.minor === undefined
  if (rule.type !== 'all' || (isEverything && rule.access === 'rwm')) return [rule]
  return (['char', 'block'] as const).map((type) => ({ ...rule, type }))
}

const BLOCK_IO_KINDS = {
  readBps: 'rbps',
  writeBps: 'wbps',
  readIops: 'riops',
  writeIops: 'wiops',
} as const

function blockIo(spec: BlockIoSpec | undefined): BlockIoSettings | undefined {
  if (spec === undefined) return undefined
  const kinds = Object.entries(BLOCK_IO_KINDS) as [keyof typeof BLOCK_IO_KINDS, 'rbps'][]
  return {
    weight: spec.weight,
    weights: (spec.weightDevices ?? []).map(({ path, weight }) => ({
      device: blockDevice(path),
      weight,
    })),
    limits: kinds.flatMap(([key, kind]) =>
      (spec[key] ?? []).map(({ path, rate }) => ({ device: blockDevice(path), kind, rate })),
    ),
  }
}

function cpuQuota({ cpus, cpuPeriodUs = CPU_PERIOD_US }: ContainerSpec['resources']) {
  if (cpus === undefined || cpus === 0) return {}
  // The kernel takes no quota below 1 ms: min_cfs_quota_period in kernel/sched/core.c.
  const cpuQuotaUs = Math.max(CPU_QUOTA_US_MIN, Math.round(cpus * cpuPeriodUs))
  return { cpuQuotaUs, cpuPeriodUs }
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
