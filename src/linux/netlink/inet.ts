/** IPv4 and IPv6 sockets bound on this thread, in whatever network namespace it is in now. ip(7) */

import { check, declare, kernelError, lastErrno } from '../libc.ts'
import { socketOutside } from '../outside.ts'
import { AF_INET, AF_INET6, addressBytes, familyOf } from './ip.ts'

const socket = declare('int socket(int, int, int)')
const bind = declare('int bind(int, void *, uint)')
const listen = declare('int listen(int, int)')
const getsockopt = declare('int getsockopt(int, int, int, void *, _Inout_ uint *)')
const getsockname = declare('int getsockname(int, void *, _Inout_ uint *)')
const setsockopt = declare('int setsockopt(int, int, int, void *, uint)')
const close = declare('int close(int)')

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_RCVBUF = 8
const SO_ACCEPTCONN = 30
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const SOCKADDR_IN_BYTES = 16
const SOCKADDR_IN6_BYTES = 28

export interface InetSocketRequest {
  readonly protocol: 'tcp' | 'udp'
  /** IPv4 or IPv6; `::` means every IPv6 address and no IPv4 one. */
  readonly address: string
  /** 0: the kernel chooses a free one. */
  readonly port: number
  /**
   * tcp only: accept connections, with this many waiting. Absent: the port is held, nothing
   * answers.
   */
  readonly backlog?: number
  /** A port with connections in TIME_WAIT may be bound. Default false. */
  readonly reuseAddress?: boolean
  /**
   * udp: keep as little as possible of what arrives, for a socket that nobody reads. Default
   * false.
   */
  readonly discard?: boolean
  /** The network namespace that we came from, by the process that stayed there. */
  readonly outside?: number | undefined
}

/** Opens, binds and (with a backlog) listens. Throws EADDRINUSE, EADDRNOTAVAIL and the like. */
export function openInetSocket(request: InetSocketRequest): {
  readonly fd: number
  readonly port: number
} {
  const { protocol, address, port, backlog } = request
  const type = (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK_CLOEXEC
  const family = familyOf(address)
  const fd =
    request.outside === undefined
      ? check(socket(family, type, 0), {
          syscall: 'socket',
          args: [family === AF_INET ? 'AF_INET' : 'AF_INET6', protocol],
        })
      : socketOutside(request.outside, { family, type })
  if (family === AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, Buffer.of(1, 0, 0, 0), 4)
  if (request.reuseAddress === true)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Buffer.of(1, 0, 0, 0), 4)
  if (request.discard === true) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Buffer.alloc(4), 4)
  const name = socketAddress(address, port)
  const failed =
    Number(bind(fd, name, name.length)) < 0
      ? 'bind'
      : backlog !== undefined && Number(listen(fd, backlog)) < 0
        ? 'listen'
        : undefined
  if (failed === undefined) return { fd, port: port === 0 ? boundPort(fd) : port }
  const error = kernelError(lastErrno(), {
    syscall: failed,
    args: [`${address}:${port}/${protocol}`],
  })
  close(fd)
  throw error
}

/** False for one that was closed by force from outside (SOCK_DESTROY): it takes nobody any more. */
export function isListening(fd: number): boolean {
  const value = Buffer.alloc(4)
  const result = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, [value.length])
  return Number(result) === 0 && value.readInt32LE() === 1
}

/** The port a socket is bound to. */
function boundPort(fd: number): number {
  const name = Buffer.alloc(SOCKADDR_IN6_BYTES)
  check(getsockname(fd, name, [name.length]), { syscall: 'getsockname', args: [fd] })
  return name.readUInt16BE(2)
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: string, port: number): Buffer {
  const family = familyOf(address)
  const isIpv4 = family === AF_INET
  const name = Buffer.alloc(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES)
  name.writeUInt16LE(family, 0)
  name.writeUInt16BE(port, 2)
  name.set(addressBytes(address), isIpv4 ? 4 : 8)
  return name
}
