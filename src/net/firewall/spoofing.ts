/**
 * Ports of a bridge whose containers may send under their own addresses only. The rules hang on the
 * host's end of each cable, before the bridge sees a frame.
 */

import { EngineError } from '../../errors.ts'
import { addressBytes, nft, type NetlinkRequest, type NetlinkSocket } from '../../linux/index.ts'
import { familyOf } from '../subnet.ts'
import type { RuleMemory } from './rule-memory.ts'
import { tableName } from './sets.ts'

export interface GuardedPort {
  /** The host's end of the cable. */
  readonly hostInterface: string
  readonly mac: string
  /** Of either family. */
  readonly addresses: readonly string[]
}

const guardTable = (rootId: string): string => `netdev ${tableName(rootId)}`

/** @throws {EngineError} NOT_SUPPORTED when the kernel has no nf_tables for interfaces */
export function checkGuard(socket: NetlinkSocket | undefined, network: string): void {
  const table = 'netdev tsstack_probe'
  const port = {
    hostInterface: 'lo',
    mac: '02:00:00:00:00:00',
    addresses: ['192.0.2.1', '2001:db8::1'],
  }
  const probe = [
    nft.addTable(table),
    nft.addChain(table, 'probe'),
    ...guardRules(table, 'probe', port),
  ]
  if (socket && !nft.tryBatch(socket, probe)) return
  throw new EngineError(
    'NOT_SUPPORTED',
    `Cannot guard network "${network}" against forged addresses: this kernel has no nf_tables ` +
      'for interfaces (CONFIG_NF_TABLES_NETDEV); remove "tsstack.anti_spoofing"',
  )
}

/** Whatever else comes by this port is dropped from now on. */
export function guardPort(socket: NetlinkSocket, rootId: string, port: GuardedPort): void {
  const table = guardTable(rootId)
  const chain = port.hostInterface
  unguardPorts(socket, rootId, [port.hostInterface])
  nft.commitBatch(socket, [
    nft.addTable(table),
    nft.addChain(table, chain, {
      type: 'filter',
      hook: 'ingress',
      device: port.hostInterface,
      priority: 0,
    }),
    ...guardRules(table, chain, port),
  ])
}

/**
 * Host ends of cables whose rules are all there, and the same as when they were first looked at.
 */
export function guardedPorts(
  socket: NetlinkSocket,
  rootId: string,
  memory: RuleMemory,
): ReadonlySet<string> {
  const table = guardTable(rootId)
  const tables = nft.parseTables(socket.dump(nft.listTables()))
  if (!tables.some(({ name }) => name === table)) return new Set()
  const rules = nft.parseRules(socket.dump(nft.listRules(table)))
  const whole = [...Map.groupBy(rules, ({ chain }) => chain)].filter(
    ([chain, own]) => own.length === GUARD_RULES && memory.areKnown(chain, own),
  )
  return new Set(whole.map(([chain]) => chain))
}

/**
 * Cables that are gone: since Linux 6.16 their chains stay, and wait for another interface of that
 * name. Those that were never guarded are success.
 */
export function unguardPorts(
  socket: NetlinkSocket,
  rootId: string,
  hostInterfaces: readonly string[],
): void {
  const table = guardTable(rootId)
  const chains = nft.parseChains(socket.dump(nft.listChains()))
  const left = chains.filter((one) => one.table === table && hostInterfaces.includes(one.name))
  if (left.length === 0) return
  nft.commitBatch(
    socket,
    left.map(({ name }) => nft.deleteChain(table, name)),
  )
}

/** With all that is left in it; without such a table nothing happens. */
export function removeGuards(
  tables: readonly nft.Table[],
  rootId: string,
): readonly NetlinkRequest[] {
  const table = guardTable(rootId)
  return tables.some(({ name }) => name === table) ? [nft.deleteTable(table)] : []
}

/** Offsets in bytes; IPv6 and ARP as in RFC 8200, 4861 and 826. */
const SENDER_MAC = { base: 'link', offset: 6, bytes: 6 } as const
const ARP_SENDER_MAC = { base: 'network', offset: 8, bytes: 6 } as const
const ARP_SENDER = { base: 'network', offset: 14, bytes: 4 } as const
const NEXT_HEADER = { base: 'network', offset: 6, bytes: 1 } as const
const ICMP_TYPE = { base: 'network', offset: 40, bytes: 1 } as const
const ADVERTISED = { base: 'network', offset: 48, bytes: 16 } as const

const [IP, ARP, IP6] = [Buffer.of(0x08, 0), Buffer.of(0x08, 0x06), Buffer.of(0x86, 0xdd)]
const ICMP6 = Buffer.of(58)
const ROUTER_ADVERTISEMENT = Buffer.of(134)
const NEIGHBOUR_ADVERTISEMENT = Buffer.of(136)

function guardRules(table: string, chain: string, port: GuardedPort): readonly NetlinkRequest[] {
  const mac = macBytes(port.mac)
  const own = (family: 4 | 6): readonly Buffer[] =>
    port.addresses.filter((one) => familyOf(one) === family).map(addressBytes)
  const own6 = [...own(6), linkLocalOf(mac)]
  const drop = (comment: string, ...expressions: readonly nft.Expression[]): NetlinkRequest =>
    nft.addRule({ table, chain, comment, expressions: [...expressions, nft.verdict('drop')] })
  const icmp6 = [...isFrame(IP6), nft.payload(NEXT_HEADER), nft.compare('eq', ICMP6)]
  return [
    drop('from the hardware address of another', ...isNone(SENDER_MAC, [mac])),
    drop('arp: in the name of other hardware', ...isFrame(ARP), ...isNone(ARP_SENDER_MAC, [mac])),
    // Without an address while it is asked whether somebody has it: RFC 5227.
    drop('arp: in the name of another', ...isFrame(ARP), ...isNone(ARP_SENDER, [...own(4), NONE])),
    drop('from the address of another', ...isFrame(IP), ...isNone(nft.SOURCE_ADDRESS, own(4))),
    drop(
      'from the IPv6 address of another',
      ...isFrame(IP6),
      ...isNone(nft.SOURCE_ADDRESS_V6, [...own6, NONE_V6]),
    ),
    drop('as a router', ...icmp6, nft.payload(ICMP_TYPE), nft.compare('eq', ROUTER_ADVERTISEMENT)),
    drop(
      'as the neighbour that another is',
      ...icmp6,
      nft.payload(ICMP_TYPE),
      nft.compare('eq', NEIGHBOUR_ADVERTISEMENT),
      ...isNone(ADVERTISED, own6),
    ),
    drop('neither IP nor ARP', nft.meta('protocol'), ...[IP, ARP, IP6].map(differs)),
  ]
}

const NONE = Buffer.alloc(4)
const NONE_V6 = Buffer.alloc(16)

const differs = (value: Buffer): nft.Expression => nft.compare('neq', value)

function isFrame(protocol: Buffer): readonly nft.Expression[] {
  return [nft.meta('protocol'), nft.compare('eq', protocol)]
}

/** The field has none of these values. */
function isNone(field: nft.Field, values: readonly Buffer[]): readonly nft.Expression[] {
  return [nft.payload(field), ...values.map(differs)]
}

const GUARD_RULES = guardRules('', '', { hostInterface: '', mac: '', addresses: [] }).length

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex')
}

/** The address that the kernel gives an interface by its hardware address: RFC 4291, appendix A. */
function linkLocalOf(mac: Buffer): Buffer {
  const [first = 0, ...rest] = mac
  const id = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]
  return Buffer.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id])
}
