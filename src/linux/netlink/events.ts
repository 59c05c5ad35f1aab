/**
 * Tells that the kernel's links, addresses or firewall have changed, whoever changed them. Node
 * cannot poll a netlink socket, but the kernel sends SIGIO when one becomes readable (O_ASYNC,
 * fcntl(2)).
 */

import { isMainThread } from 'node:worker_threads'
import { NETLINK_REPLY_BYTES_MAX } from '../../limits.ts'
import { close, type Fd } from '../fd.ts'
import { errnoNumber } from '../errno.ts'
import { check, declare, lastErrno } from '../libc.ts'

const socket = declare('int socket(int, int, int)')
const bind = declare('int bind(int, void *, uint)')
const fcntl = declare('int fcntl(int fd, int command, int argument)')
const recv = declare('long recv(int, void *, size_t, int)')

const AF_NETLINK = 16
const SOCK_RAW = 3 | 0x80000 | 0x800 // with SOCK_CLOEXEC and SOCK_NONBLOCK
const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12
const F_SETFL = 4 // include/uapi/asm-generic/fcntl.h
const F_SETOWN = 8
const O_ASYNC = 0x2000
const O_NONBLOCK = 0x800
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
  const setFlags = (flags: number): void => {
    for (const fd of sockets) {
      check(fcntl(fd, F_SETFL, flags), { syscall: 'fcntl', args: [fd, 'F_SETFL', flags] })
    }
  }
  let timer: NodeJS.Timeout | undefined
  const collect = (): void => {
    timer = undefined
    // Signals first: what comes after the sockets were emptied is told again.
    setFlags(O_ASYNC | O_NONBLOCK)
    if (sockets.map(drain).includes(true)) onChange()
  }
  const handle = (): void => {
    if (timer !== undefined) return
    // Changes come in crowds, and each would be a signal.
    setFlags(O_NONBLOCK)
    timer = setTimeout(collect, COLLECT_MS).unref()
  }
  // Before the kernel may send it: by default SIGIO ends a process.
  process.on('SIGIO', handle)
  for (const fd of sockets) {
    check(fcntl(fd, F_SETOWN, process.pid), { syscall: 'fcntl', args: [fd, 'F_SETOWN'] })
  }
  setFlags(O_ASYNC | O_NONBLOCK)
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      for (const fd of sockets) close(fd)
      process.off('SIGIO', handle)
    },
  }
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

/** Milliseconds in which changes are taken together. */
const COLLECT_MS = 50

/** More than a socket's buffer holds. */
const DATAGRAMS_MAX = 10_000
