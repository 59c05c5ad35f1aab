/** Numbers by which one network namespace knows another. @see include/uapi/linux/net_namespace.h */

import { isErrno } from '../../errors.ts'
import type { Fd } from '../fd.ts'
import { parseAttributes, u32Attribute } from './attribute.ts'
import type { Request } from './message.ts'
import { NETLINK_ROUTE, NetlinkSocket } from './socket.ts'

const RTM_NEWNSID = 88 // include/uapi/linux/rtnetlink.h
const RTM_GETNSID = 90
const NETNSA_NSID = 1
const NETNSA_FD = 3
/** The kernel chooses. */
const ANY = 0xffff_ffff
/** struct rtgenmsg, filled up. */
const HEADER = Buffer.alloc(4)

/** The id of `netns` in the namespace of this thread; one that has none is given one. */
export function namespaceId(netns: Fd): number {
  using socket = new NetlinkSocket(NETLINK_ROUTE)
  const own = u32Attribute(NETNSA_FD, netns)
  try {
    socket.request([idRequest(RTM_NEWNSID, own, u32Attribute(NETNSA_NSID, ANY))])
  } catch (error) {
    // Whoever laid a cable between the two has given it one.
    if (!isErrno(error, 'EEXIST')) throw error
  }
  const [answer] = socket.request([idRequest(RTM_GETNSID, own)])
  const attributes = parseAttributes(answer?.body.subarray(HEADER.length) ?? Buffer.alloc(0))
  return attributes.get(NETNSA_NSID)?.readInt32LE() ?? -1
}

function idRequest(type: number, ...attributes: readonly Buffer[]): Request {
  const body = Buffer.concat([HEADER, ...attributes])
  return { type, flags: 0, body, what: 'name a network namespace' }
}
