/**
 * Sockets made in other namespaces, for node to adopt by descriptor, and who is at the other end.
 */

import { isIPv6 } from 'node:net'
import { close, type Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { withNamespace } from './namespace.ts'
import { O } from './open-flags.ts'

const socketCall = declare('int socket(int family, int type, int protocol)')
const bindCall = declare('int bind(int fd, void *address, unsigned int length)')
const setsockopt = declare(
  'int setsockopt(int fd, int level, int option, void *value, unsigned int length)',
)
const getsockopt = declare(
  'int getsockopt(int fd, int level, int option, void *value, _Inout_ unsigned int *length)',
)

const FAMILY = { inet: 2, inet6: 10, netlink: 16, packet: 17 } as const // include/linux/socket.h
const TYPE = { stream: 1, dgram: 2, raw: 3 } as const // include/linux/net.h
const SOL_SOCKET = 1 // include/uapi/asm-generic/socket.h
const SO_REUSEADDR = 2
const SO_PEERCRED = 17
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const UCRED_BYTES = 12 // sizeof(struct ucred): pid, uid, gid

export interface SocketOptions {
  readonly family: keyof typeof FAMILY
  readonly type: keyof typeof TYPE
  readonly protocol?: number | undefined
  /** Address and port to bind to, inside the namespace. */
  readonly bind?: { readonly address: string; readonly port: number } | undefined
}

/**
 * Opens a socket that lives in the network namespace `netns`; its descriptor works from here.
 * Node adopts
 * it: `dgram.Socket.bind({ fd })`, `net.Server.listen({ fd })`.
 */
export function socketIn(netns: Fd, options: SocketOptions): Fd {
  return withNamespace(netns, 'net', () => openSocket(options))
}

function openSocket(options: SocketOptions): Fd {
  const { family, type, protocol = 0, bind } = options
  const fd = check(socketCall(FAMILY[family], TYPE[type] | O.CLOEXEC | O.NONBLOCK, protocol), {
    syscall: 'socket',
    args: [family, type, protocol],
  })
  try {
    if (bind) bindSocket(fd, type, bind)
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

/** The process at the other end of a unix socket, as it was when it connected. @see unix(7) */
export function peerCredentials(fd: Fd): {
  readonly pid: number
  readonly uid: number
  readonly gid: number
} {
  const credentials = Buffer.alloc(UCRED_BYTES)
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, [UCRED_BYTES]), {
    syscall: 'getsockopt',
    args: [fd, 'SO_PEERCRED'],
  })
  return {
    pid: credentials.readInt32LE(0),
    uid: credentials.readUInt32LE(4),
    gid: credentials.readUInt32LE(8),
  }
}

function bindSocket(
  fd: Fd,
  type: keyof typeof TYPE,
  { address, port }: { readonly address: string; readonly port: number },
): void {
  if (type === 'stream') setOption(fd, SOL_SOCKET, SO_REUSEADDR)
  if (isIPv6(address)) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY)
  const bytes = socketAddress(address, port)
  check(bindCall(fd, bytes, bytes.length), { syscall: 'bind', args: [address, port] })
}

function setOption(fd: Fd, level: number, option: number): void {
  const on = Buffer.alloc(4)
  on.writeInt32LE(1)
  check(setsockopt(fd, level, option, on, 4), { syscall: 'setsockopt', args: [level, option] })
}

/** struct sockaddr_in or sockaddr_in6. @see ip(7), ipv6(7) */
function socketAddress(address: string, port: number): Buffer {
  const isSix = isIPv6(address)
  const bytes = Buffer.alloc(isSix ? 28 : 16)
  bytes.writeUInt16LE(isSix ? FAMILY.inet6 : FAMILY.inet, 0)
  bytes.writeUInt16BE(port, 2)
  if (isSix) ipv6Bytes(address).copy(bytes, 8)
  else Buffer.from(address.split('.').map(Number)).copy(bytes, 4)
  return bytes
}

function ipv6Bytes(address: string): Buffer {
  const host = new URL(`http://[${address}]/`).hostname.slice(1, -1) // without a dotted IPv4 tail
  const [head = '', tail] = host.split('::')
  const [left, right] = [groups(head), groups(tail)]
  const zeroes = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const bytes = Buffer.alloc(16)
  for (const [index, word] of [...left, ...zeroes, ...right].entries()) {
    bytes.writeUInt16BE(Number.parseInt(word, 16), 2 * index)
  }
  return bytes
}

function groups(text = ''): string[] {
  return text === '' ? [] : text.split(':')
}
