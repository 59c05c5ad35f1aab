/**
 * Faults on purpose, for tests of what runs in containers: lost packets and cut connections by
 * rules
 * inside the namespace, delay and slowness by queues at both ends of the cable.
 */

import { EngineError, isErrno } from '../errors.ts'
import {
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkSocket,
  addressBytes,
  listLinks,
  nft,
  parseLinks,
  removeQdisc,
  setDelay,
  setRate,
  withNamespace,
  type NetlinkRequest,
} from '../linux/index.ts'
import { familyOf, type Family } from './subnet.ts'
import type { Faults } from './types.ts'

const TABLES: Readonly<Record<Family, string>> = { 4: 'tsstack_faults', 6: 'ip6 tsstack_faults' }
/** Losses are counted in ten-thousandths. */
const LOSS_UNITS = 10_000

/** Makes these all the faults of a container; an empty one mends everything. */
export function setFaults(
  netnsFd: number,
  host: NetlinkSocket,
  { hostInterfaces, ...faults }: Faults & { readonly hostInterfaces: readonly string[] },
): void {
  using inside = withNamespace(netnsFd, 'net', () => new NetlinkSocket(NETLINK_ROUTE))
  using filter = openFilter(netnsFd)
  if (filter) setRules(filter, faults)
  else if (faults.lossPercent !== undefined || (faults.cutOff ?? []).length > 0) throw noRules()
  const outside = parseLinks(host.dump(listLinks())).filter(({ name }) =>
    hostInterfaces.includes(name),
  )
  const own = parseLinks(inside.dump(listLinks())).filter(({ name }) => name !== 'lo')
  for (const { index } of outside) setQueue(host, index, faults)
  for (const { index } of own) setQueue(inside, index, faults)
}

/** Undefined on a kernel without nf_tables, which has no rules to be taken away either. */
function openFilter(netnsFd: number): NetlinkSocket | undefined {
  let socket: NetlinkSocket | undefined
  try {
    socket = withNamespace(netnsFd, 'net', () => new NetlinkSocket(NETLINK_NETFILTER))
    socket.dump(nft.listTables())
    return socket
  } catch (error) {
    socket?.close()
    // Without nfnetlink, and with it alone: nfnetlink_rcv_msg.
    if (isErrno(error, 'EPROTONOSUPPORT') || isErrno(error, 'EINVAL')) return undefined
    throw error
  }
}

function setQueue(socket: NetlinkSocket, linkIndex: number, faults: Faults): void {
  const { latencyMs = 0, bytesPerSecond } = faults
  try {
    if (latencyMs > 0) socket.request([setDelay(linkIndex, { latencyMs, bytesPerSecond })])
    else if (bytesPerSecond !== undefined) socket.request([setRate(linkIndex, bytesPerSecond)])
    else socket.request([removeQdisc(linkIndex)])
  } catch (error) {
    if (latencyMs === 0 && bytesPerSecond === undefined) {
      // The usual queue cannot be removed: it is there already.
      if (isErrno(error, 'ENOENT') || isErrno(error, 'EINVAL')) return
      throw error
    }
    if (!isErrno(error, 'ENOENT')) throw error
    const kind = latencyMs > 0 ? 'netem' : 'tbf'
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot slow down a network interface: this kernel has no "${kind}"; ` +
        `load its module with: modprobe sch_${kind}`,
      { cause: error },
    )
  }
}

function setRules(socket: NetlinkSocket, faults: Faults): void {
  const { lossPercent = 0, cutOff = [] } = faults
  const present = new Set(nft.parseTables(socket.dump(nft.listTables())).map(({ name }) => name))
  const requests = ([4, 6] as const).flatMap((family) => {
    const table = TABLES[family]
    const peers = cutOff.filter((address) => familyOf(address) === family)
    const isNeeded = lossPercent > 0 || peers.length > 0
    return [
      ...(present.has(table) ? [nft.deleteTable(table)] : []),
      ...(isNeeded ? tableRequests(family, { lossPercent, peers }) : []),
    ]
  })
  if (requests.length === 0) return
  try {
    nft.commitBatch(socket, requests)
  } catch (error) {
    // A kernel may have nf_tables without the families of IP.
    throw isErrno(error, 'EOPNOTSUPP') ? noRules(error) : error
  }
}

function noRules(cause?: unknown): EngineError {
  return new EngineError(
    'NOT_SUPPORTED',
    'Cannot lose packets of a container: this kernel has no nf_tables for IP; load its module ' +
      'with: modprobe nf_tables',
    { cause },
  )
}

/**
 * What arrives is dropped: what a program sends would come back to it as an error, which no network
 * gives.
 */
function tableRequests(
  family: Family,
  { lossPercent, peers }: { readonly lossPercent: number; readonly peers: readonly string[] },
): readonly NetlinkRequest[] {
  const table = TABLES[family]
  const chain = 'input'
  return [
    nft.addTable(table),
    nft.addChain(table, chain, { type: 'filter', hook: 'input', priority: -250 }),
    nft.addRule({
      table,
      chain,
      comment: 'itself',
      expressions: [
        nft.meta('iifname'),
        nft.compare('eq', Buffer.from('lo\0')),
        nft.verdict('accept'),
      ],
    }),
    ...peers.map((address) =>
      nft.addRule({
        table,
        chain,
        comment: 'cut off',
        expressions: [
          nft.payload(family === 4 ? nft.SOURCE_ADDRESS : nft.SOURCE_ADDRESS_V6),
          nft.compare('eq', addressBytes(address)),
          nft.verdict('drop'),
        ],
      }),
    ),
    ...(lossPercent > 0 ? [lossRule(table, chain, lossPercent)] : []),
  ]
}

function lossRule(table: string, chain: string, lossPercent: number): NetlinkRequest {
  return nft.addRule({
    table,
    chain,
    comment: `${lossPercent} % are lost`,
    expressions: [
      nft.randomNumber(LOSS_UNITS),
      ...nft.isBelow(Math.round((lossPercent * LOSS_UNITS) / 100)),
      nft.verdict('drop'),
    ],
  })
}
