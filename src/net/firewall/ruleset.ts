/**
 * The fixed rules of a state root's tables, one for each family. Networks and ports come and go as
 * elements of its sets; the rules stay the same. docs/decisions/0005-network.md says why they are
 * as they are.
 */

import { createHash } from 'node:crypto'
import { nft, type NetlinkRequest } from '../../linux/index.ts'
import { BRIDGE_GROUP, BRIDGE_PREFIX } from '../interface-name.ts'
import type { Family } from '../subnet.ts'
import { PORT_SHARES, setList, setsOf, tableName, type Sets } from './sets.ts'
import {
  source,
  destination,
  addressSlots,
  loopbackSpace,
  loopbackHost,
  rule,
  anyKey,
  addressKey,
  shareAt,
  bothNames,
  isTranslated,
  toOwnAddress,
  toOwn,
} from './steps.ts'

/** How a table is recognized as made by these rules and not changed since. */
export interface Ruleset {
  /** The comment of the table: another comment means another version. */
  readonly version: string
  /** Fewer in the kernel means that somebody removed some. */
  readonly rules: number
}

/** Raised when a table's sets or their elements change so that an older tsstack would misread them. */
const FORMAT = 1

/** True for the comment of a table that a later tsstack has made, in a way unknown here. */
export function isNewer(comment: string): boolean {
  return Number(/^tsstack (\d+)\./.exec(comment)?.[1] ?? 0) > FORMAT
}

const NEWRULE = 0x0a06 // NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE
const NEWSET = 0x0a09

const rulesets = new Map<Family, Ruleset>()

export function describeRuleset(family: Family): Ruleset {
  const known = rulesets.get(family)
  if (known) return known
  const requests = rulesetRequests(tableName('version', family))
  const hash = createHash('sha256')
  // Set ids count up through the life of a process, so of a set only its name counts.
  for (const { type, body, what } of requests) hash.update(type === NEWSET ? what : body)
  const version = `tsstack ${FORMAT}.${hash.digest('hex').slice(0, 12)}`
  const ruleset = { version, rules: requests.filter(({ type }) => type === NEWRULE).length }
  rulesets.set(family, ruleset)
  return ruleset
}

/** Chains and rules in the order of a packet's way. */
export function rulesetRequests(table: string): readonly NetlinkRequest[] {
  const sets = setsOf(table)
  return [
    ...setList(sets).map((set) => nft.addSet(set)),
    ...arrival(sets),
    ...translation(sets),
    ...forwarding(sets),
    ...loopback(sets),
    ...departure(sets),
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
    ...setList(sets).map((set) => nft.addSet(set)),
    nft.addChain(table, chain),
    nft.addChain(table, 'published'),
    rule(table, chain, 'route', [nft.destinationInterface(), nft.lookup(sets.bridges.name)]),
    rule(table, chain, 'address', toOwnAddress()),
    rule(table, chain, 'connection', [...isTranslated(), nft.masquerade()]),
    rule(table, chain, 'packet', [
      ...anyKey(),
      nft.lookupData(sets.anyLoopback.name),
      nft.writeAddress(source(sets)),
    ]),
    rule(table, chain, 'port', [
      ...anyKey(),
      nft.takeTurns(PORT_SHARES, nft.slot(2)),
      nft.lookupData(sets.anyShares.name),
      nft.destinationNat(sets.family),
    ]),
  ]
}

/**
 * Before anything else looks at it: packets that try to reach containers behind the published
 * ports' back.
 */
function arrival(sets: Sets): readonly NetlinkRequest[] {
  const { table } = sets
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
      nft.payload(destination(sets)),
      nft.compare('eq', loopbackSpace(sets)),
      nft.verdict('drop'),
    ]),
    // IPv4 has rp_filter for this, a setting of the bridge; IPv6 has nothing of the kind.
    // Neighbours
    // are asked for by multicast, which is reached by no interface in particular.
    ...(sets.family === 6
      ? [
          rule(table, chain, 'to many', [
            nft.payload(destination(sets)),
            nft.compare('eq', Buffer.of(0xff)),
            nft.verdict('accept'),
          ]),
          rule(table, chain, 'with an address of somewhere else', [
            nft.meta('iifname'),
            nft.lookup(sets.bridges.name),
            nft.wayBack(),
            nft.compare('eq', Buffer.alloc(4)),
            nft.verdict('drop'),
          ]),
        ]
      : []),
    // Nearly everything but bridged packets is for somebody else: one look at a set for those, as a
    // look at the routes costs ten of them.
    rule(table, chain, 'to a container by its own address', [
      nft.payload(destination(sets)),
      nft.lookup(sets.subnets.name),
      nft.jump('direct'),
    ]),
    // So come bridged packets, where br_netfilter shows them.
    rule(table, 'direct', 'where it came from', [
      nft.wayOn(),
      nft.compare('neq', Buffer.alloc(4)),
      nft.verdict('return'),
    ]),
    // What answers a program of the machine, which this spares two more looks at the routes.
    rule(table, 'direct', 'to the machine itself', [...toOwn(), nft.verdict('return')]),
    // Their answers come so; what is no answer meets its end in the chain "forward".
    rule(table, 'direct', 'to a network that keeps its addresses', [
      nft.destinationInterface(),
      nft.lookup(sets.unmasked.name),
      nft.verdict('return'),
    ]),
    rule(table, 'direct', 'from anywhere else', [
      nft.destinationInterface(),
      nft.lookup(sets.bridges.name),
      nft.verdict('drop'),
    ]),
  ]
}

/** Published ports, for packets that arrive and for the machine's own. */
function translation(sets: Sets): readonly NetlinkRequest[] {
  const { table } = sets
  const to = (key: readonly nft.Expression[], map: nft.SetDefinition) => [
    ...key,
    nft.lookupData(map.name),
    nft.destinationNat(sets.family),
  ]
  return [
    nft.addChain(table, 'published'),
    nft.addChain(table, 'translate_arriving', { type: 'nat', hook: 'prerouting', priority: -100 }),
    nft.addChain(table, 'translate_own', { type: 'nat', hook: 'output', priority: -100 }),
    rule(table, 'published', 'on one address', to(addressKey(sets), sets.addressPorts)),
    rule(
      table,
      'published',
      'on one address, shared',
      to([...addressKey(sets), shareAt(2 + addressSlots(sets))], sets.addressShares),
    ),
    rule(table, 'published', 'on every address', to(anyKey(), sets.anyPorts)),
    rule(
      table,
      'published',
      'on every address, shared',
      to([...anyKey(), shareAt(2)], sets.anyShares),
    ),
    rule(table, 'translate_arriving', 'to an address of the machine', toOwnAddress()),
    // What still has a loopback source could never leave by a bridge (see `loopback`).
    rule(table, 'translate_own', 'not from loopback', [
      nft.payload(source(sets)),
      nft.compare('eq', loopbackSpace(sets)),
      nft.verdict('return'),
    ]),
    rule(table, 'translate_own', 'to an address of the machine', toOwnAddress()),
  ]
}

/** Who may pass from one interface to another. */
function forwarding(sets: Sets): readonly NetlinkRequest[] {
  const { table } = sets
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
function loopback(sets: Sets): readonly NetlinkRequest[] {
  const { table } = sets
  const out = 'loopback_out'
  const change = 'loopback_source'
  const rewrite = (key: readonly nft.Expression[], map: nft.SetDefinition) => [
    ...key,
    nft.lookupData(map.name),
    nft.writeAddress(source(sets)),
  ]
  return [
    // No chain of type "route", which would look for a way once more for each packet: it has a way
    // by `lo` until the translation of its destination looks for another.
    nft.addChain(table, out, { type: 'filter', hook: 'output', priority: -310 }),
    nft.addChain(table, change),
    rule(table, out, 'from loopback to loopback', [
      nft.payload(source(sets)),
      nft.compare('eq', loopbackHost(sets)),
      nft.payload(destination(sets)),
      nft.compare('eq', loopbackSpace(sets)),
      nft.jump(change),
    ]),
    // The more common one first, as the second look is spared then.
    rule(table, change, 'to every address', [
      ...rewrite(anyKey(), sets.anyLoopback),
      nft.verdict('return'),
    ]),
    rule(table, change, 'to one address', rewrite(addressKey(sets), sets.addressLoopback)),
    nft.addChain(table, 'loopback_in', { type: 'filter', hook: 'input', priority: 110 }),
    rule(table, 'loopback_in', 'answers of a published port', [
      nft.meta('iifname'),
      nft.lookup(sets.bridges.name),
      nft.conntrack('direction'),
      nft.compare('eq', Buffer.of(nft.CT_DIRECTION_REPLY)),
      ...isTranslated(),
      nft.payload(source(sets)),
      nft.compare('eq', loopbackSpace(sets)),
      nft.immediate(loopbackHost(sets)),
      nft.writeAddress(destination(sets)),
    ]),
  ]
}

/** Source addresses of what leaves a network. */
function departure(sets: Sets): readonly NetlinkRequest[] {
  const { table } = sets
  const chain = 'departure'
  const fromContainer = [nft.meta('iifname'), nft.lookup(sets.bridges.name)]
  return [
    nft.addChain(table, chain, { type: 'nat', hook: 'postrouting', priority: 100 }),
    // Otherwise the answer of a neighbour would go straight to the asker, who waits for the
    // machine's. By address, because br_netfilter brings bridged packets here without the
    // interface they came by.
    rule(table, chain, 'a container to a published port', [
      nft.payload(source(sets)),
      nft.lookup(sets.subnets.name),
      ...isTranslated(),
      nft.masquerade(),
    ]),
    rule(table, chain, 'within a network', [...bothNames(sets), nft.verdict('return')]),
    rule(table, chain, 'out of a network that keeps its addresses', [
      nft.meta('iifname'),
      nft.lookup(sets.unmasked.name),
      nft.verdict('return'),
    ]),
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
    rule(table, GUARD_CHAIN, 'from a network with a name of its own', groupOfAnyRoot('iifgroup')),
    rule(table, GUARD_CHAIN, 'to a network with a name of its own', groupOfAnyRoot('oifgroup')),
    // br_netfilter brings by here what other bridges of the machine pass on by themselves.
    rule(table, GUARD_CHAIN, 'where it came from', [
      nft.wayOn(),
      nft.compare('neq', Buffer.alloc(4)),
      nft.verdict('accept'),
    ]),
  ]
}

function bridgeOfAnyRoot(key: 'iifname' | 'oifname'): readonly nft.Expression[] {
  return [nft.meta(key), nft.compare('eq', Buffer.from(BRIDGE_PREFIX)), nft.verdict('accept')]
}

function groupOfAnyRoot(key: 'iifgroup' | 'oifgroup'): readonly nft.Expression[] {
  return [nft.meta(key), nft.compare('eq', nft.number32(BRIDGE_GROUP)), nft.verdict('accept')]
}
