/** From the config's resources to what cgroups are told. */

import { UsageError } from '../errors.ts'
import { type CgroupSettings, type DeviceRule, formatDeviceRule } from '../linux/index.ts'
import type {
  RuntimeSpec,
  SpecBlockIo,
  SpecDeviceRule,
  SpecResources,
  SpecThrottle,
} from './spec.ts'

/** Throws USAGE for device rules that no list of what is allowed can say. */
export function resourceSettings({ linux = {} }: RuntimeSpec): CgroupSettings {
  const { resources = {} } = linux
  const { pids, network } = resources
  return {
    ...memorySettings(resources.memory),
    ...cpuSettings(resources.cpu),
    pidsMax: limit(pids?.limit),
    blockIo: blockIo(resources.blockIO),
    hugetlb: (resources.hugepageLimits ?? []).map(({ pageSize, limit: bytesMax }) => ({
      pageSize,
      bytesMax,
    })),
    networkClass: nonZero(network?.classID),
    networkPriorities: network?.priorities,
    unified: resources.unified,
    devices: deviceRules(resources, linux.devices ?? []),
  }
}

function memorySettings(memory: SpecResources['memory'] = {}): CgroupSettings {
  return {
    memoryMax: limit(memory.limit),
    memorySwapMax: limit(memory.swap),
    memoryLow: limit(memory.reservation),
    memorySwappiness: memory.swappiness,
    memoryTcpMax: limit(memory.kernelTCP),
    oomKillDisable: memory.disableOOMKiller === true ? true : undefined,
  }
}

function cpuSettings(cpu: SpecResources['cpu'] = {}): CgroupSettings {
  return {
    cpuShares: nonZero(cpu.shares),
    cpuQuotaUs: limit(cpu.quota),
    cpuPeriodUs: nonZero(cpu.period),
    cpuBurstUs: cpu.burst,
    cpuIdle: cpu.idle === undefined ? undefined : cpu.idle !== 0,
    cpuRealtimeUs: nonZero(cpu.realtimeRuntime),
    cpuRealtimePeriodUs: nonZero(cpu.realtimePeriod),
    cpuset: cpu.cpus === '' ? undefined : cpu.cpus,
    cpusetMems: cpu.mems === '' ? undefined : cpu.mems,
  }
}

/** Minus one is no limit, and nothing is what the kernel has anyway. */
function limit(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value
}

function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value
}

function blockIo(io: SpecBlockIo | undefined): CgroupSettings['blockIo'] {
  if (io === undefined) return undefined
  const weighted = io.weightDevice ?? []
  return {
    weight: nonZero(io.weight),
    leafWeight: nonZero(io.leafWeight),
    weights: weighted.flatMap((one) =>
      one.weight === undefined ? [] : [{ device: deviceOf(one), weight: one.weight }],
    ),
    leafWeights: weighted.flatMap((one) =>
      one.leafWeight === undefined ? [] : [{ device: deviceOf(one), weight: one.leafWeight }],
    ),
    limits: [
      ...ratesOf('rbps', io.throttleReadBpsDevice),
      ...ratesOf('wbps', io.throttleWriteBpsDevice),
      ...ratesOf('riops', io.throttleReadIOPSDevice),
      ...ratesOf('wiops', io.throttleWriteIOPSDevice),
    ],
  }
}

function ratesOf(kind: BlockIoLimit, list: readonly SpecThrottle[] = []) {
  return list.map((one) => ({ device: deviceOf(one), kind, rate: one.rate }))
}

type BlockIoLimit = NonNullable<CgroupSettings['blockIo']>['limits'][number]['kind']

function deviceOf({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${major}:${minor}`
}

/** What every container may have, after what the config says. @see runc AllowedDevices */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { type: 'char', access: 'm' },
  { type: 'block', access: 'm' },
  ...[3, 5, 7, 8, 9].map((minor): DeviceRule => ({ type: 'char', major: 1, minor, access: 'rwm' })),
  ...[0, 2].map((minor): DeviceRule => ({ type: 'char', major: 5, minor, access: 'rwm' })),
  { type: 'char', major: 136, access: 'rwm' },
]

const EVERYTHING: DeviceRule = { type: 'all', access: 'rwm' }

/**
 * The rules in their order, as a list of what is allowed. Without a word about devices, only the
 * default ones are: what a container can do by chance, it would do by intent.
 */
function deviceRules(
  { devices = [] }: SpecResources,
  nodes: NonNullable<NonNullable<RuntimeSpec['linux']>['devices']>,
): readonly DeviceRule[] {
  let rules: readonly DeviceRule[] = []
  for (const rule of devices) rules = rule.allow ? allow(rules, rule) : deny(rules, rule)
  if (rules.includes(EVERYTHING)) return [EVERYTHING]
  const own = nodes
    .filter(({ type }) => type !== 'p')
    .map(({ type, major, minor }): DeviceRule => ({
      type: type === 'b' ? 'block' : 'char',
      major,
      minor,
      access: 'rwm',
    }))
  const seen = new Set<string>()
  return [...rules, ...own, ...DEFAULT_RULES].filter((rule) => {
    const text = formatDeviceRule(rule)
    return !seen.has(text) && seen.add(text)
  })
}

function allow(rules: readonly DeviceRule[], rule: SpecDeviceRule): readonly DeviceRule[] {
  const next = ruleOf(rule)
  const isEverything = next.every(
    ({ type, major, minor, access }) =>
      type === 'all' && major === undefined && minor === undefined && access.length === 3,
  )
  return isEverything ? [EVERYTHING] : [...rules, ...next]
}

function deny(rules: readonly DeviceRule[], rule: SpecDeviceRule): readonly DeviceRule[] {
  const denied = ruleOf(rule)
  return rules.flatMap((one) => {
    const by = denied.filter((other) => overlaps(one, other))
    const partial = by.find((other) => !covers(other, one))
    if (partial) {
      throw new UsageError(
        `Cannot deny "${formatDeviceRule(partial)}": ` +
          `"${formatDeviceRule(one)}" allows it before; ` +
          'deny everything first, then allow what is needed',
      )
    }
    const access = one.access
      .split('')
      .filter((letter) => !by.some((no) => no.access.includes(letter)))
    return access.length === 0 ? [] : [{ ...one, access: access.join('') }]
  })
}

/** Absent and negative numbers stand for all; so does an absent access. */
function ruleOf({ type = 'a', major, minor, access = 'rwm' }: SpecDeviceRule): DeviceRule[] {
  const numbers = {
    ...(major === undefined || major < 0 ? {} : { major }),
    ...(minor === undefined || minor < 0 ? {} : { minor }),
  }
  const letters = access === '' ? 'rwm' : access
  const isAll = Object.keys(numbers).length === 0 && letters.length === 3
  if (type === 'b') return [{ type: 'block', ...numbers, access: letters }]
  if (type === 'c') return [{ type: 'char', ...numbers, access: letters }]
  if (isAll) return [{ type: 'all', access: 'rwm' }]
  return (['char', 'block'] as const).map((kind) => ({ type: kind, ...numbers, access: letters }))
}

function overlaps(one: DeviceRule, other: DeviceRule): boolean {
  const types = one.type === 'all' || other.type === 'all' || one.type === other.type
  return types && mayMeet(one.major, other.major) && mayMeet(one.minor, other.minor)
}

function covers(wide: DeviceRule, narrow: DeviceRule): boolean {
  const types = wide.type === 'all' || wide.type === narrow.type
  return types && isWithin(wide.major, narrow.major) && isWithin(wide.minor, narrow.minor)
}

/** Absent stands for every number. */
function mayMeet(left?: number, right?: number): boolean {
  return left === undefined || right === undefined || left === right
}

function isWithin(outer?: number, inner?: number): boolean {
  return outer === undefined || outer === inner
}
