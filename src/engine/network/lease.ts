/** Addresses of containers: kept until the container is removed, over every attempt. */

import { allocateAddress, isInside } from '../../net/index.ts'
import type { NetworkAttachment } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { STANDALONE } from '../paths.ts'
import type { ContainerRecord } from '../records/container.ts'
import { readLeases, type NetworkRecord, writeLeases } from '../records/network.ts'
import { stackNames } from '../records/stack.ts'

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

/** Forgets the addresses that a container had in `network`. */
export function forgetLeases(machine: Machine, record: ContainerRecord, network: string): void {
  const leases = readLeases(machine.paths, record.stack)
  const changed = Object.fromEntries(
    Object.entries(leases).map(([key, known]) => {
      const { [record.name]: _gone, ...rest } = known
      return [key, key === network || key === `${network} v6` ? rest : known]
    }),
  )
  writeLeases(machine.paths, record.stack, changed)
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
  const leases = readLeases(machine.paths, record.stack)
  const known = leases[key] ?? {}
  const kept = known[record.name]
  const asked = requested ?? (subnets.some((one) => isIn(one, kept)) ? kept : undefined)
  const address = choose(wanted, {
    container: record.name,
    requested: asked,
    taken: [...network.gateways, ...takenBy(machine, record, key)],
  })
  if (kept !== address) {
    const changed = { ...known, [record.name]: address }
    writeLeases(machine.paths, record.stack, { ...leases, [key]: changed })
  }
  return address
}

/** The subnet that holds the requested address, or else the first with a free one. */
function choose(
  { network, subnets }: Wanted,
  asked: {
    readonly container: string
    readonly requested: string | undefined
    readonly taken: readonly string[]
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

/** A network may be shared by stacks, which must not give out one address twice. */
function takenBy(machine: Machine, record: ContainerRecord, key: string): readonly string[] {
  return [STANDALONE, ...stackNames(machine.paths)].flatMap((stack) =>
    Object.entries(readLeases(machine.paths, stack)[key] ?? {})
      .filter(([name]) => stack !== record.stack || name !== record.name)
      .map(([, address]) => address),
  )
}

/** A lease from before the network was made anew with another subnet counts no more. */
function isIn(subnet: string, address: string | undefined): boolean {
  return address !== undefined && isInside(subnet, address)
}
