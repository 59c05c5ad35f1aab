/** Whether this kernel can do what the rules need. */

import { EngineError, KernelError } from '../../errors.ts'
import { NETLINK_NETFILTER, NetlinkSocket, nft } from '../../linux/index.ts'
import { probeRequests } from './ruleset.ts'
import { tableName } from './sets.ts'

export const NO_NFTABLES: string =
  'This kernel offers no nf_tables: containers cannot reach anything outside their networks, ' +
  'and published ports go through a proxy that lives as long as the supervisor'

/** A socket to nf_tables, or undefined when this kernel cannot do what the ruleset needs. */
export async function openFirewallSocket(rootId: string): Promise<NetlinkSocket | undefined> {
  let socket: NetlinkSocket | undefined
  try {
    socket = new NetlinkSocket(NETLINK_NETFILTER)
    const table = tableName(rootId)
    const tables = nft.parseTables(socket.dump(nft.listTables()))
    if (tables.some(({ name }) => name === table)) return socket
    // A kernel may have nf_tables without the family ip, or without one of its modules.
    if (!(await nft.tryBatchBeside(socket, probeRequests('tsstack_probe')))) return socket
    socket.close()
    return undefined
  } catch (error) {
    socket?.close()
    if (!(error instanceof KernelError)) throw error
    return undefined
  }
}

/** Tries the rules, and takes them back. Needs root. */
export async function offersNftables(): Promise<boolean> {
  using socket = await openFirewallSocket('')
  return socket !== undefined
}

/** True when the rules can be had for IPv6 as well. */
function hasIpv6Filter(socket: NetlinkSocket): boolean {
  return nft.tryBatch(socket, probeRequests('ip6 tsstack_probe')) === undefined
}

/** @throws {EngineError} NOT_SUPPORTED when `socket` has no nf_tables of IPv6 for the network */
export function checkIpv6Filter(socket: NetlinkSocket | undefined, network: string): void {
  if (socket === undefined || hasIpv6Filter(socket)) return
  throw new EngineError(
    'NOT_SUPPORTED',
    `Cannot create network "${network}" with IPv6: this kernel has no nf_tables for it; ` +
      'remove "enable_ipv6" and its subnets',
  )
}
