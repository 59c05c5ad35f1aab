/** A socket that hears what the kernel tells of itself, in the network namespace of this thread. */

import { close, type Fd } from '../fd.ts'
import { check, declare } from '../libc.ts'

const socket = declare('int socket(int, int, int)')
const bind = declare('int bind(int, void *, uint)')

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0x80000
const SOCK_NONBLOCK = 0x800

export interface News {
  /** NETLINK_ROUTE or NETLINK_NETFILTER. */
  readonly protocol: number
  /** Bits of sockaddr_nl.nl_groups: 1 << (group - 1). */
  readonly groups: number
  readonly nonBlocking?: boolean
  /** What is to be set before the first message can come. */
  readonly prepare?: (fd: Fd) => void
}

/** @see netlink(7) */
export function openNews({ protocol, groups, nonBlocking = false, prepare }: News): Fd {
  const type = SOCK_RAW_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0)
  const failure = { syscall: 'socket', args: ['AF_NETLINK', protocol] }
  const fd = check(socket(AF_NETLINK, type, protocol), failure)
  try {
    prepare?.(fd)
    const address = Buffer.alloc(12) // struct sockaddr_nl
    address.writeUInt16LE(AF_NETLINK, 0)
    address.writeUInt32LE(groups, 8)
    const what = { syscall: 'bind', args: ['AF_NETLINK', groups] }
    check(bind(fd, address, address.length), what)
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}
