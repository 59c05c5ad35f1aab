/**
 * Tells that the kernel's links, addresses or firewall have changed, whoever changed them. Node
 * cannot poll a netlink socket, so the kernel sends a signal.
 */

import { isMainThread } from 'node:worker_threads'
import { NETLINK_REPLY_BYTES_MAX } from '../../limits.ts'
import { close, type Fd } from '../fd.ts'
import { errnoNumber } from '../errno.ts'
import { check, declare, lastErrno } from '../libc.ts'
import { signalReadable } from '../readable-signal.ts'

const socket = declare('int socket(int, int, int)')
const bind = declare('int bind(int, void *, uint)')
const recv = declare('long recv(int, void *, size_t, int)')

const AF_NETLINK = 16
const SOCK_RAW = 3 | 0x80000 | 0x800 // with SOCK_CLOEXEC and SOCK_NONBLOCK
const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12
/** Bits of sockaddr_nl.nl_groups: 1 << (group - 1). include/uapi/linux/rtnetlink.h */
const ROUTE_GROUPS = 0x1 | 0x10 | 0x100 // RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
const NFTABLES_GROUP = 1 << (7 - 1) // NFNLGRP_NFTABLES

/**
 * Calls `onChange` after anything of the network namespace of this thread has changed, our own
 * changes included. Undefined where signals do not arrive: in a worker thread.
 */
export function watchNetwork(onChange: () => void): Disposable | undefined {
  if (!isMainThread) return undefined
  const sockets = [
    openListener(NETLINK_ROUTE, ROUTE_GROUPS),
    openListener(NETLINK_NETFILTER, NFTABLES_GROUP),
  ]
  return signalReadable(sockets, () => {
    if (sockets.map(drain).includes(true)) onChange()
  })
}

function openListener(protocol: number, groups: number): Fd {
  const fd = check(socket(AF_NETLINK, SOCK_RAW, protocol), {
    syscall: 'socket',
    args: ['AF_NETLINK', protocol],
  })
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK, 0)
  address.writeUInt32LE(groups, 8)
  try {
    check(bind(fd, address, address.length), { syscall: 'bind', args: ['AF_NETLINK', groups] })
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

let buffer: Buffer | undefined

/**
 * Reads all there is; true when there was any. What it says nobody needs: the kernel is asked. An
 * overrun (ENOBUFS) is one more answer: there was too much of it.
 */
function drain(fd: Fd): boolean {
  buffer ??= Buffer.alloc(NETLINK_REPLY_BYTES_MAX)
  for (let count = 0; count < DATAGRAMS_MAX; count += 1) {
    const length = Number(recv(fd, buffer, buffer.length, 0))
    if (length < 0 && lastErrno() === errnoNumber('EAGAIN')) return count > 0
  }
  return true
}

/** More than a socket's buffer holds. */
const DATAGRAMS_MAX = 10_000
