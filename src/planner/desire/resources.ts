/** Limits: the short keys of a service, or `deploy.resources`; where both are given they agree. */

import { PIDS_MAX_DEFAULT } from '../../limits.ts'
import { type Blkio, type BlkioRate, hugetlbTexts, type Service } from '../../spec/index.ts'
import type { BlockIoRate, BlockIoSpec, ResourceSpec } from '../model-isolation.ts'
import { limitBytes, present, sizeBytes } from './units.ts'

/** The kernel's default `cpu.cfs_period_us`, in microseconds. */
const CPU_PERIOD_US_DEFAULT = 100_000

export function resourcesOf(service: Service): ResourceSpec {
  const { limits, reservations } = service.deploy?.resources ?? {}
  return present({
    memoryBytesMax: limitBytes(service.mem_limit ?? limits?.memory),
    memoryBytesReserved: limitBytes(service.mem_reservation ?? reservations?.memory),
    memorySwapBytesMax: limitBytes(service.memswap_limit),
    cpus: cpusOf(service, limits?.cpus),
    ...cpuTimeOf(service),
    memorySwappiness: swappinessOf(service),
    oomKillDisable: service.oom_kill_disable || undefined,
    blockIo: blockIoOf(service.blkio_config),
    hugetlb: hugetlbOf(service),
    pidsMax: pidsMaxOf(service.pids_limit ?? limits?.pids),
  })
}

function hugetlbOf(service: Service): Readonly<Record<string, number>> | undefined {
  const entries = Object.entries(hugetlbTexts(service) ?? {})
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([size, text]) => [size, sizeBytes(text) ?? 0]))
}

/** 0 is Docker's word for the kernel's default. */
function cpuTimeOf(service: Service) {
  return {
    cpuPeriodUs: service.cpu_period || undefined,
    cpuRealtimeUs: service.cpu_rt_runtime || undefined,
    cpuRealtimePeriodUs: service.cpu_rt_period || undefined,
    cpuShares: service.cpu_shares || undefined,
    cpuset: service.cpuset || undefined,
  }
}

/** A quota is a number of processors too: microseconds of processor time per period. */
function cpusOf(service: Service, limit: number | undefined): number | undefined {
  const cpus = service.cpus || limit || undefined
  const quotaUs = service.cpu_quota ?? 0
  if (cpus !== undefined || quotaUs <= 0) return cpus
  return quotaUs / (service.cpu_period || CPU_PERIOD_US_DEFAULT)
}

/** 0 and -1 are both Docker's word for no limit. */
function pidsMaxOf(limit: number | undefined): number {
  if (limit === undefined) return PIDS_MAX_DEFAULT
  return limit > 0 ? limit : -1
}

/** Docker's -1 leaves it to the kernel. */
function swappinessOf({ mem_swappiness: text }: Service): number | undefined {
  const value = sizeBytes(text)
  return value === undefined || value < 0 ? undefined : value
}

function blockIoOf(config: Blkio | undefined): BlockIoSpec | undefined {
  if (config === undefined) return undefined
  const spec = present({
    weight: config.weight || undefined,
    weightDevices: some(
      config.weight_device?.map(({ Path: path, Weight: weight }) => ({ path, weight })),
    ),
    readBps: ratesOf(config.device_read_bps),
    writeBps: ratesOf(config.device_write_bps),
    readIops: ratesOf(config.device_read_iops),
    writeIops: ratesOf(config.device_write_iops),
  })
  return Object.keys(spec).length === 0 ? undefined : spec
}

function ratesOf(rates: readonly BlkioRate[] | undefined): readonly BlockIoRate[] | undefined {
  return some(rates?.map(({ Path: path, Rate: rate }) => ({ path, rate: sizeBytes(rate) ?? 0 })))
}

function some<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list
}
