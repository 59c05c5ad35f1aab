/** A network as the kernel should have it: its bridge, up, with its gateways. */

import type { Machine } from '../machine.ts'
import { createNetwork } from '../network/networks.ts'
import type { NetworkRecord } from '../records/network.ts'
import type { Fact } from './facts.ts'
import { connectLink, type Links } from './links.ts'

/** Of networks that containers use: one that nobody uses is made again by the next `up`. */
export function networkFacts(
  machine: Machine,
  stack: string,
  { links, records }: { readonly links: Links; readonly records: readonly NetworkRecord[] },
): readonly Fact[] {
  const used = new Set(
    [...machine.containers.values()].flatMap(({ attempt }) =>
      (attempt?.record.interfaces ?? []).map(({ network }) => network),
    ),
  )
  return records
    .filter(({ spec }) => used.has(spec.name) && !isShared(spec.driver))
    .flatMap((record) => bridgeFacts(machine, stack, { record, links }))
}

function bridgeFacts(
  machine: Machine,
  stack: string,
  { record, links }: { readonly record: NetworkRecord; readonly links: Links },
): readonly Fact[] {
  const { spec, bridge, gateways } = record
  const link = links.byName.get(bridge)
  const common = { subject: 'network', name: spec.name } as const
  const again = async (): Promise<void> => {
    await machine.net.removeNetwork(spec.name)
    createNetwork(machine, stack, spec)
  }
  if (link === undefined) {
    return [{ ...common, field: 'bridge', desired: `${bridge} up`, actual: 'gone', mend: again }]
  }
  const present = links.addresses.get(link.index) ?? []
  return [
    {
      ...common,
      field: 'bridge',
      desired: `${bridge} up`,
      actual: link.up ? `${bridge} up` : `${bridge} down`,
      mend: () => connectLink(link.index),
    },
    ...gateways.map((gateway) => ({
      ...common,
      field: 'gateway',
      desired: gateway,
      actual: present.includes(gateway) ? gateway : 'gone',
      mend: again,
    })),
  ]
}

/** macvlan and ipvlan have no bridge: the machine's own interface is not ours to mend. */
function isShared(driver: string): boolean {
  return driver === 'macvlan' || driver === 'ipvlan'
}
