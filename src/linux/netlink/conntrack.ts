/**
 * Connections that the kernel tracks: looked through and forgotten one by one.
 * @see include/uapi/linux/netfilter/nfnetlink_conntrack.h
 */

import { nested, parseAttributes } from './attribute.ts'
import { AF_INET, AF_INET6, formatAddress } from './ip.ts'
import type { Message, Request } from './message.ts'

const NFNL_SUBSYS_CTNETLINK = 1
const IPCTNL_MSG_CT_NEW = 0
const IPCTNL_MSG_CT_GET = 1
const IPCTNL_MSG_CT_DELETE = 2
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_IP = 1
const CTA_TUPLE_PROTO = 2
const CTA_IP_V4_DST = 2
const CTA_IP_V6_DST = 4
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const NFGENMSG_BYTES = 4
const NOTHING = Buffer.alloc(0)

export interface TrackedConnection {
  readonly family: 4 | 6
  /** 6: tcp, 17: udp. */
  readonly protocol: number
  /** As the one who began saw them: before any translation. */
  readonly destination: string
  readonly destinationPort: number
  /** What names it to the kernel. */
  readonly tuple: Buffer
}

export function listConnections(family: 4 | 6): Request {
  return request(IPCTNL_MSG_CT_GET, family, { attributes: [], what: 'list connections' })
}

export function parseConnections(messages: readonly Message[]): readonly TrackedConnection[] {
  return messages
    .filter(({ type }) => type === ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW))
    .flatMap(({ body }) => parseConnection(body))
}

/**
 * Forgets a connection: its next packet counts as the first of a new one. ENOENT when it is gone.
 */
export function deleteConnection({ family, tuple, ...connection }: TrackedConnection): Request {
  return request(IPCTNL_MSG_CT_DELETE, family, {
    attributes: [nested(CTA_TUPLE_ORIG, tuple)],
    what: `forget a connection to ${connection.destination} port ${connection.destinationPort}`,
  })
}

function request(
  message: number,
  family: 4 | 6,
  { attributes, what }: { readonly attributes: readonly Buffer[]; readonly what: string },
): Request {
  const header = Buffer.of(family === 4 ? AF_INET : AF_INET6, 0, 0, 0)
  return {
    type: (NFNL_SUBSYS_CTNETLINK << 8) | message,
    flags: 0,
    body: Buffer.concat([header, ...attributes]),
    what,
  }
}

function parseConnection(body: Buffer): readonly TrackedConnection[] {
  const attributes = parseAttributes(body.subarray(NFGENMSG_BYTES))
  const parts = parseAttributes(attributes.get(CTA_TUPLE_ORIG) ?? NOTHING)
  const ip = parts.get(CTA_TUPLE_IP) ?? NOTHING
  const protocol = parts.get(CTA_TUPLE_PROTO) ?? NOTHING
  const destination = destinationOf(ip)
  if (!destination) return []
  const numbers = parseAttributes(protocol)
  return [
    {
      family: destination.length === 4 ? 4 : 6,
      protocol: numbers.get(CTA_PROTO_NUM)?.readUInt8() ?? 0,
      destination: formatAddress(destination),
      destinationPort: numbers.get(CTA_PROTO_DST_PORT)?.readUInt16BE() ?? 0,
      tuple: Buffer.concat([nested(CTA_TUPLE_IP, ip), nested(CTA_TUPLE_PROTO, protocol)]),
    },
  ]
}

function destinationOf(ip: Buffer): Buffer | undefined {
  const addresses = parseAttributes(ip)
  return addresses.get(CTA_IP_V4_DST) ?? addresses.get(CTA_IP_V6_DST)
}
