/** Addresses of containers: kept until the container is removed, over every attempt. */

import { allocateAddress, isInside } from '../../net/index.ts'
import type { NetworkAttachment } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { ContainerRecord } from '../records/container.ts'
import type { NetworkRecord } from '../records/network.ts'
import type { Lease } from './lease-book.ts'

export interface Leased {
  readonly ipv4?: string
  readonly ipv6?: string
}

/** An address of each family that the network has. Throws when there is none left. */
export function leaseAddresses(
  machine: Machine,
  record: ContainerRecord,
  wanted: { readonly attachment: NetworkAttachment; readonly network: NetworkRecord },
): Leased {
  const { subnets } = wanted.network
  const { ipv4Address, ipv6Address } = wanted.attachment
  const of4 = subnets.filter((subnet) => !subnet.includes(':'))
  const of6 = subnets.filter((subnet) => subnet.includes(':'))
  return {
    ...(of4.length === 0
      ? {}
      : { ipv4: lease(machine, record, { ...wanted, subnets: of4, requested: ipv4Address }) }),
    ...(of6.length === 0
      ? {}
      : { ipv6: lease(machine, record, { ...wanted, subnets: of6, requested: ipv6Address }) }),
  }
}

interface Wanted {
  readonly network: NetworkRecord
  /** Of one family. */
  readonly subnets: readonly string[]
  readonly requested: string | undefined
}

function lease(machine: Machine, record: ContainerRecord, wanted: Wanted): string {
  const { network, subnets, requested } = wanted
  const isV6 = subnets[0]?.includes(':') === true
  const key = isV6 ? `${network.spec.name} v6` : network.spec.name
  const { leases } = machine
  const own: Lease = { stack: record.stack, key, container: record.name }
  const kept = leases.addressOf(own)
  const asked = requested ?? (subnets.some((one) => isIn(one, kept)) ? kept : undefined)
  const address = choose(wanted, {
    container: record.name,
    requested: asked,
    taken: network.gateways,
    isTaken: (one) => leases.isTaken(own, one),
  })
  if (kept !== address) leases.set(own, address)
  return address
}

/** The subnet that holds the requested address, or else the first with a free one. */
function choose(
  { network, subnets }: Wanted,
  asked: {
    readonly container: string
    readonly requested: string | undefined
    readonly taken: readonly string[]
    readonly isTaken: (address: string) => boolean
  },
): string {
  const { requested } = asked
  const holding = subnets.filter((one) => isIn(one, requested))
  const candidates = holding.length > 0 ? holding : subnets
  const last = candidates.at(-1) ?? ''
  for (const subnet of candidates) {
    const spec = network.spec.subnets.find((one) => one.subnet === subnet)
    const taken = [...asked.taken, ...(requested === undefined ? (spec?.auxiliary ?? []) : [])]
    try {
      return allocateAddress({ ...asked, subnet, taken, range: spec?.range })
    } catch (error) {
      if (subnet === last) throw error
    }
  }
  throw new Error('unreachable: the last subnet gives an address or throws')
}

/** A lease from before the network was made anew with another subnet counts no more. */
function isIn(subnet: string, address: string | undefined): boolean {
  return address !== undefined && isInside(subnet, address)
}
