/** Limits: the short keys of a service, or `deploy.resources`; where both are given they agree. */

import { PIDS_MAX_DEFAULT } from '../../limits.ts'
import type { Service } from '../../spec/index.ts'
import type { ResourceSpec } from '../model.ts'
import { limitBytes, present } from './units.ts'

/** The kernel's default `cpu.cfs_period_us`, in microseconds. */
const CPU_PERIOD_US_DEFAULT = 100_000

export function resourcesOf(service: Service): ResourceSpec {
  const { limits, reservations } = service.deploy?.resources ?? {}
  return present({
    memoryBytesMax: limitBytes(service.mem_limit ?? limits?.memory),
    memoryBytesReserved: limitBytes(service.mem_reservation ?? reservations?.memory),
    memorySwapBytesMax: limitBytes(service.memswap_limit),
    cpus: cpusOf(service, limits?.cpus),
    cpuShares: service.cpu_shares || undefined,
    cpuset: service.cpuset || undefined,
    pidsMax: pidsMaxOf(service.pids_limit ?? limits?.pids),
  })
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
