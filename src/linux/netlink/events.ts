/**
 * Tells that the kernel's links, addresses, default routes or firewall have changed, whoever
 * changed them, also inside containers. Node cannot poll a netlink socket, so the kernel sends a
 * signal.
 */

import { isMainThread } from 'node:worker_threads'
import koffi from 'koffi'
import { isErrno } from '../../errors.ts'
import type { Fd } from '../fd.ts'
import { errnoNumber } from '../errno.ts'
import { declare, lastErrno } from '../libc.ts'
import { signalReadable } from '../readable-signal.ts'
import { filterMessages } from './filter.ts'
import { openNews } from './news-socket.ts'

const setsockopt = declare('int setsockopt(int, int, int, void *, uint)')
const recvmsg = declare('long recvmsg(int fd, void *message, int flags)')

const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12
/**
 * RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE:
 * include/uapi/linux/rtnetlink.h
 */
const ROUTE_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
const NFTABLES_GROUP = 1 << (7 - 1) // NFNLGRP_NFTABLES
const SOL_NETLINK = 270
const NETLINK_LISTEN_ALL_NSID = 8 // include/uapi/linux/netlink.h

export interface NetworkChange {
  /** In the namespace of this thread. */
  readonly isHere: boolean
  /** Ids of other namespaces in which something has changed: {@link namespaceId}. */
  readonly elsewhere: ReadonlySet<number>
  /** There was more than the kernel keeps: anything anywhere may have changed. */
  readonly isOverrun: boolean
}

/**
 * Calls `onChange` after something has changed in the network namespace of this thread, or in one
 * that has an id there (where CAP_NET_BROADCAST is had), our own changes included. Undefined where
 * signals do not arrive: in a worker thread.
 */
export function watchNetwork(onChange: (change: NetworkChange) => void): Disposable | undefined {
  if (!isMainThread) return undefined
  const sockets = [openListener(NETLINK_ROUTE, ROUTE_GROUPS), ...openFilterListener()]
  return signalReadable(sockets, () => {
    const places = new Set<Place>()
    for (const fd of sockets) drain(fd, places)
    if (places.size === 0) return
    const elsewhere = new Set([...places].filter((place) => typeof place === 'number'))
    onChange({ isHere: places.has('here'), elsewhere, isOverrun: places.has('overrun') })
  })
}

/** Whence a message comes: from here, or from a namespace with an id. */
type Place = 'here' | 'overrun' | number

/** None on a kernel without netfilter: it has no rules that could change. */
function openFilterListener(): readonly Fd[] {
  try {
    return [openListener(NETLINK_NETFILTER, NFTABLES_GROUP)]
  } catch (error) {
    if (isErrno(error, 'EPROTONOSUPPORT')) return []
    throw error
  }
}

function openListener(protocol: number, groups: number): Fd {
  return openNews({
    protocol,
    groups,
    nonBlocking: true,
    prepare: (fd) => {
      // Without the privilege the inside of containers is looked at by the slow timer alone.
      setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, Buffer.of(1, 0, 0, 0), 4)
      if (protocol === NETLINK_ROUTE) passLostDefaultRoutes(fd)
    },
  })
}

/** A router of the internet learns routes by the thousand: of routes only lost defaults matter. */
function passLostDefaultRoutes(fd: Fd): void {
  const [ACCEPT, DROP] = [4, 5]
  const program = [
    [0x28, 0, 0, 4], // ldh nlmsg_type
    [0x15, DROP - 1, 0, 0x1800], // RTM_NEWROUTE
    [0x15, 0, ACCEPT - 2, 0x1900], // anything but RTM_DELROUTE
    [0x30, 0, 0, 17], // ldb rtm_dst_len
    [0x15, 0, 1, 0],
    [0x06, 0, 0, 0xffff_ffff],
    [0x06, 0, 0, 0],
  ] as const
  filterMessages(fd, program)
}

/** Reads all there is. What it says nobody needs: the kernel is asked. */
function drain(fd: Fd, places: Set<Place>): void {
  const message = (received ??= prepareMessage())
  for (let count = 0; count < DATAGRAMS_MAX; count += 1) {
    message.header.writeBigUInt64LE(BigInt(message.control.length), MSG_CONTROLLEN)
    if (Number(recvmsg(fd, message.header, 0)) >= 0) {
      places.add(placeOf(message))
      continue
    }
    const errno = lastErrno()
    if (errno === errnoNumber('EAGAIN')) return
    if (errno === errnoNumber('ENOBUFS')) places.add('overrun')
  }
  places.add('overrun')
}

/** More than a socket's buffer holds. */
const DATAGRAMS_MAX = 10_000

/** Offset in struct msghdr; 64-bit layout. */
const MSG_CONTROLLEN = 40

interface Received {
  readonly header: Buffer
  readonly control: Buffer
  /** Referred to by address alone: they live as long as the header. */
  readonly kept: readonly Buffer[]
}

let received: Received | undefined

/** A struct msghdr for the first bytes of a message, and one control message. */
function prepareMessage(): Received {
  const content = Buffer.from(new ArrayBuffer(16))
  const control = Buffer.from(new ArrayBuffer(64))
  const vector = Buffer.from(new ArrayBuffer(16))
  vector.writeBigUInt64LE(koffi.address(content), 0)
  vector.writeBigUInt64LE(BigInt(content.length), 8)
  const header = Buffer.from(new ArrayBuffer(56))
  header.writeBigUInt64LE(koffi.address(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(koffi.address(control), 32)
  return { header, control, kept: [content, vector] }
}

/** Messages of this namespace carry no id. @see struct cmsghdr, cmsg(3) */
function placeOf({ header, control }: Received): Place {
  if (header.readBigUInt64LE(MSG_CONTROLLEN) < 20n) return 'here'
  const isId =
    control.readInt32LE(8) === SOL_NETLINK && control.readInt32LE(12) === NETLINK_LISTEN_ALL_NSID
  return isId ? control.readInt32LE(16) : 'here'
}
