/**
 * The fixed rules of a state root's one table. Networks and ports come and go as elements of its
 * sets; the rules stay the same. docs/decisions/0005-network.md says why they are as they are.
 */

import { createHash } from 'node:crypto'
import { nft, type NetlinkRequest } from '../../linux/index.ts'
import { BRIDGE_PREFIX } from '../interface-name.ts'

/** The sets and maps of one table. */
export interface Sets {
  /** Bridges of the state root. */
  readonly bridges: nft.SetDefinition
  /** Each bridge with itself: nf_tables cannot compare two names of one packet. */
  readonly pairs: nft.SetDefinition
  /** Address space of the networks. */
  readonly subnets: nft.SetDefinition
  /** Bridges of internal networks. */
  readonly internal: nft.SetDefinition
  /** Ports published on every address, and on one. */
  readonly anyPorts: nft.SetDefinition
  readonly addressPorts: nft.SetDefinition
  /** Of those, which are reached from 127.0.0.1: with what source address instead. */
  readonly anyLoopback: nft.SetDefinition
  readonly addressLoopback: nft.SetDefinition
}

export function tableName(rootId: string): string {
  return `tsstack_${rootId}`
}

export function setsOf(table: string): Sets {
  const anyKey = ['inet_proto', 'inet_service'] as const
  const addressKey = ['inet_proto', 'ipv4_addr', 'inet_service'] as const
  const target = ['ipv4_addr', 'inet_service'] as const
  return {
    bridges: { table, name: 'bridges', key: ['ifname'] },
    pairs: { table, name: 'pairs', key: ['ifname', 'ifname'] },
    subnets: { table, name: 'subnets', key: ['ipv4_addr'], interval: true },
    internal: { table, name: 'internal', key: ['ifname'] },
    anyPorts: { table, name: 'ports', key: anyKey, data: target },
    addressPorts: { table, name: 'ports_of_address', key: addressKey, data: target },
    anyLoopback: { table, name: 'loopback', key: anyKey, data: ['ipv4_addr'] },
    addressLoopback: { table, name: 'loopback_of_address', key: addressKey, data: ['ipv4_addr'] },
  }
}

/** How a table is recognized as made by these rules and not changed since. */
export interface Ruleset {
  /** The comment of the table: another comment means another version. */
  readonly version: string
  /** Fewer in the kernel means that somebody removed some. */
  readonly rules: number
}

const NEWRULE = 0x0a06 // NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE
const NEWSET = 0x0a09

let ruleset: Ruleset | undefined

export function describeRuleset(): Ruleset {
  if (ruleset) return ruleset
  const requests = rulesetRequests('version')
  const hash = createHash('sha256')
  // Set ids count up through the life of a process, so sets do not count.
  for (const { type, body } of requests) if (type !== NEWSET) hash.update(body)
  const version = `tsstack ${hash.digest('hex').slice(0, 12)}`
  ruleset = { version, rules: requests.filter(({ type }) => type === NEWRULE).length }
  return ruleset
}

/** Chains and rules in the order of a packet's way. */
export function rulesetRequests(table: string): readonly NetlinkRequest[] {
  return [
    ...Object.values(setsOf(table)).map((set: nft.SetDefinition) => nft.addSet(set)),
    ...arrival(table),
    ...translation(table),
    ...forwarding(table),
    ...loopback(table),
    ...departure(table),
  ]
}

/**
 * Every kind of step the rules take, in a chain that no packet comes by: what the kernel has to
 * know.
 */
export function probeRequests(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  const chain = 'probe'
  return [
    nft.addTable(table),
    ...Object.values(sets).map((set: nft.SetDefinition) => nft.addSet(set)),
    nft.addChain(table, chain),
    nft.addChain(table, 'published'),
    rule(table, chain, 'route', [nft.destinationInterface(), nft.lookup(sets.bridges.name)]),
    rule(table, chain, 'address', toOwnAddress()),
    rule(table, chain, 'connection', [...isTranslated(), nft.masquerade()]),
    rule(table, chain, 'packet', [
      ...anyKey(),
      nft.lookupData(sets.anyLoopback.name),
      nft.writeAddress(nft.SOURCE_ADDRESS),
    ]),
    rule(table, chain, 'port', [
      ...anyKey(),
      nft.lookupData(sets.anyPorts.name),
      nft.destinationNat(),
    ]),
  ]
}

/**
 * Before anything else looks at it: packets that try to reach containers behind the published
 * ports' back.
 */
function arrival(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  const chain = 'arrival'
  return [
    nft.addChain(table, chain, { type: 'filter', hook: 'prerouting', priority: -300 }),
    nft.addChain(table, 'direct'),
    rule(table, chain, 'the machine itself', [
      nft.meta('iifname'),
      nft.compare('eq', Buffer.from('lo\0')),
      nft.verdict('accept'),
    ]),
    rule(table, chain, 'loopback is not for others', [
      nft.payload(nft.DESTINATION_ADDRESS),
      nft.compare('eq', LOOPBACK),
      nft.verdict('drop'),
    ]),
    rule(table, chain, 'to a container by its own address', [
      nft.destinationInterface(),
      nft.lookup(sets.bridges.name),
      nft.jump('direct'),
    ]),
    rule(table, 'direct', 'within its network', [
      nft.meta('iifname'),
      nft.destinationInterface(SECOND_NAME),
      nft.lookup(sets.pairs.name),
      nft.verdict('return'),
    ]),
    rule(table, 'direct', 'from anywhere else', [nft.verdict('drop')]),
  ]
}

/** Published ports, for packets that arrive and for the machine's own. */
function translation(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  return [
    nft.addChain(table, 'published'),
    nft.addChain(table, 'translate_arriving', { type: 'nat', hook: 'prerouting', priority: -100 }),
    nft.addChain(table, 'translate_own', { type: 'nat', hook: 'output', priority: -100 }),
    rule(table, 'published', 'on one address', [
      ...addressKey(),
      nft.lookupData(sets.addressPorts.name),
      nft.destinationNat(),
    ]),
    rule(table, 'published', 'on every address', [
      ...anyKey(),
      nft.lookupData(sets.anyPorts.name),
      nft.destinationNat(),
    ]),
    rule(table, 'translate_arriving', 'to an address of the machine', toOwnAddress()),
    // What still has a loopback source could never leave by a bridge (see `loopback`).
    rule(table, 'translate_own', 'not from loopback', [
      nft.payload(nft.SOURCE_ADDRESS),
      nft.compare('eq', LOOPBACK),
      nft.verdict('return'),
    ]),
    rule(table, 'translate_own', 'to an address of the machine', toOwnAddress()),
  ]
}

/** Who may pass from one interface to another. */
function forwarding(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  const chain = 'forward'
  return [
    nft.addChain(table, chain, { type: 'filter', hook: 'forward', priority: 0 }),
    rule(table, chain, 'answers', [
      nft.conntrack('state'),
      ...nft.hasBits(nft.CT_STATE_ESTABLISHED_OR_RELATED),
      nft.verdict('accept'),
    ]),
    // Bridged packets come by here where br_netfilter is on.
    rule(table, chain, 'within a network', [...bothNames(sets), nft.verdict('accept')]),
    rule(table, chain, 'out of an internal network', [
      nft.meta('iifname'),
      nft.lookup(sets.internal.name),
      nft.verdict('drop'),
    ]),
    rule(table, chain, 'into an internal network', [
      nft.meta('oifname'),
      nft.lookup(sets.internal.name),
      nft.verdict('drop'),
    ]),
    rule(table, chain, 'to a published port', [
      nft.meta('oifname'),
      nft.lookup(sets.bridges.name),
      ...isTranslated(),
      nft.verdict('accept'),
    ]),
    rule(table, chain, 'into a network', [
      nft.meta('oifname'),
      nft.lookup(sets.bridges.name),
      nft.verdict('drop'),
    ]),
    rule(table, chain, 'out of a network', [
      nft.meta('iifname'),
      nft.lookup(sets.bridges.name),
      nft.verdict('accept'),
    ]),
  ]
}

/**
 * A connection from 127.0.0.1 to a published port of 127.0.0.0/8. The kernel lets no loopback
 * address out of `lo` unless route_localnet opens that for everybody; so the source becomes the
 * bridge's own address before the connection is tracked, and the answers are turned back after
 * tracking has undone its part.
 */
function loopback(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  const out = 'loopback_out'
  const fromLoopback = [
    nft.payload(nft.SOURCE_ADDRESS),
    nft.compare('eq', LOOPBACK_HOST),
    nft.payload(nft.DESTINATION_ADDRESS),
    nft.compare('eq', LOOPBACK),
  ]
  const rewrite = (key: readonly nft.Expression[], map: nft.SetDefinition) => [
    ...fromLoopback,
    ...key,
    nft.lookupData(map.name),
    nft.writeAddress(nft.SOURCE_ADDRESS),
  ]
  return [
    nft.addChain(table, out, { type: 'route', hook: 'output', priority: -310 }),
    rule(table, out, 'to one loopback address', rewrite(addressKey(), sets.addressLoopback)),
    rule(table, out, 'to every address', rewrite(anyKey(), sets.anyLoopback)),
    nft.addChain(table, 'loopback_in', { type: 'filter', hook: 'input', priority: 110 }),
    rule(table, 'loopback_in', 'answers of a published port', [
      nft.meta('iifname'),
      nft.lookup(sets.bridges.name),
      nft.conntrack('direction'),
      nft.compare('eq', Buffer.of(nft.CT_DIRECTION_REPLY)),
      ...isTranslated(),
      nft.payload(nft.SOURCE_ADDRESS),
      nft.compare('eq', LOOPBACK),
      nft.immediate(LOOPBACK_HOST),
      nft.writeAddress(nft.DESTINATION_ADDRESS),
    ]),
  ]
}

/** Source addresses of what leaves a network. */
function departure(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  const chain = 'departure'
  const fromContainer = [nft.meta('iifname'), nft.lookup(sets.bridges.name)]
  return [
    nft.addChain(table, chain, { type: 'nat', hook: 'postrouting', priority: 100 }),
    // Otherwise the answer of a neighbour would go straight to the asker, who waits for the
    // machine's. By address, because br_netfilter brings bridged packets here without the
    // interface they came by.
    rule(table, chain, 'a container to a published port', [
      nft.payload(nft.SOURCE_ADDRESS),
      nft.lookup(sets.subnets.name),
      ...isTranslated(),
      nft.masquerade(),
    ]),
    rule(table, chain, 'within a network', [...bothNames(sets), nft.verdict('return')]),
    rule(table, chain, 'out of a network', [...fromContainer, nft.masquerade()]),
  ]
}

export const GUARD_CHAIN = 'forward_guard'

/**
 * Where we made the machine a router: nothing is routed but what has to do with a bridge of some
 * state root.
 */
export function guardRequests(table: string): readonly NetlinkRequest[] {
  return [
    nft.addChain(table, GUARD_CHAIN, {
      type: 'filter',
      hook: 'forward',
      priority: 10,
      policy: 'drop',
    }),
    rule(table, GUARD_CHAIN, 'from a network', bridgeOfAnyRoot('iifname')),
    rule(table, GUARD_CHAIN, 'to a network', bridgeOfAnyRoot('oifname')),
  ]
}

function bridgeOfAnyRoot(key: 'iifname' | 'oifname'): readonly nft.Expression[] {
  return [nft.meta(key), nft.compare('eq', Buffer.from(BRIDGE_PREFIX)), nft.verdict('accept')]
}

const LOOPBACK = Buffer.of(127)
const LOOPBACK_HOST = Buffer.of(127, 0, 0, 1)
/** An interface name takes 16 bytes: register 1 as a whole; the next one starts in slot 4. */
const SECOND_NAME: number = nft.slot(4)

function rule(
  table: string,
  chain: string,
  comment: string,
  expressions: readonly nft.Expression[],
): NetlinkRequest {
  return nft.addRule({ table, chain, comment, expressions })
}

function anyKey(): readonly nft.Expression[] {
  return [nft.meta('l4proto'), nft.payload(nft.DESTINATION_PORT, nft.slot(1))]
}

function addressKey(): readonly nft.Expression[] {
  return [
    nft.meta('l4proto'),
    nft.payload(nft.DESTINATION_ADDRESS, nft.slot(1)),
    nft.payload(nft.DESTINATION_PORT, nft.slot(2)),
  ]
}

function bothNames(sets: Sets): readonly nft.Expression[] {
  return [nft.meta('iifname'), nft.meta('oifname', SECOND_NAME), nft.lookup(sets.pairs.name)]
}

function isTranslated(): readonly nft.Expression[] {
  return [nft.conntrack('status'), ...nft.hasBits(nft.CT_STATUS_DNAT)]
}

function toOwnAddress(): readonly nft.Expression[] {
  return [
    nft.destinationType(),
    nft.compare('eq', nft.number32(nft.ADDRESS_TYPE_LOCAL)),
    nft.jump('published'),
  ]
}
