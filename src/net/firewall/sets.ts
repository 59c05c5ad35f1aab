/** What changes in a table: sets of networks, and maps of published ports. */

import type { nft } from '../../linux/index.ts'
import type { Family } from '../subnet.ts'

/** The sets and maps of one table. */
export interface Sets {
  readonly table: string
  readonly family: Family
  /** Bridges of the state root. */
  readonly bridges: nft.SetDefinition
  /** Each bridge with itself: nf_tables cannot compare two names of one packet. */
  readonly pairs: nft.SetDefinition
  /** Address space of the networks. */
  readonly subnets: nft.SetDefinition
  /** Bridges of internal networks. */
  readonly internal: nft.SetDefinition
  /** Bridges whose containers keep their own source address on the way out. */
  readonly unmasked: nft.SetDefinition
  /** Ports published on every address, and on one. */
  readonly anyPorts: nft.SetDefinition
  readonly addressPorts: nft.SetDefinition
  /** Those that several containers share: the last field of the key counts through the shares. */
  readonly anyShares: nft.SetDefinition
  readonly addressShares: nft.SetDefinition
  /**
   * Of all those, which are reached from the loopback address: with what source address instead.
   */
  readonly anyLoopback: nft.SetDefinition
  readonly addressLoopback: nft.SetDefinition
}

/**
 * Into so many shares a port is divided that several containers have: 60 divides evenly among 1 to
 * 6, 10, 12, 15, 20, 30 and 60 of them.
 */
export const PORT_SHARES = 60

/** The table of `family` in the words of nft: `ip6 tsstack_aaaa`. */
export function tableName(rootId: string, family: Family = 4): string {
  return `${family === 6 ? 'ip6 ' : ''}tsstack_${rootId}`
}

export function setsOf(table: string): Sets {
  const family: Family = table.startsWith('ip6 ') ? 6 : 4
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const anyKey = ['inet_proto', 'inet_service'] as const
  const addressKey = ['inet_proto', address, 'inet_service'] as const
  const target = [address, 'inet_service'] as const
  return {
    table,
    family,
    bridges: { table, name: 'bridges', key: ['ifname'] },
    pairs: { table, name: 'pairs', key: ['ifname', 'ifname'] },
    subnets: { table, name: 'subnets', key: [address], interval: true },
    internal: { table, name: 'internal', key: ['ifname'] },
    unmasked: { table, name: 'unmasked', key: ['ifname'] },
    anyPorts: { table, name: 'ports', key: anyKey, data: target },
    addressPorts: { table, name: 'ports_of_address', key: addressKey, data: target },
    anyShares: { table, name: 'shares', key: [...anyKey, 'mark'], data: target },
    addressShares: {
      table,
      name: 'shares_of_address',
      key: [...addressKey, 'mark'],
      data: target,
    },
    anyLoopback: { table, name: 'loopback', key: anyKey, data: [address] },
    addressLoopback: { table, name: 'loopback_of_address', key: addressKey, data: [address] },
  }
}

/** The sets themselves, without what is said about their table. */
export function setList(sets: Sets): readonly nft.SetDefinition[] {
  return Object.values(sets).filter((one): one is nft.SetDefinition => typeof one === 'object')
}

/** The maps that say where published ports lead. */
export function portSets(sets: Sets): readonly nft.SetDefinition[] {
  const { anyPorts, addressPorts, anyShares, addressShares, anyLoopback, addressLoopback } = sets
  return [anyPorts, addressPorts, anyShares, addressShares, anyLoopback, addressLoopback]
}
