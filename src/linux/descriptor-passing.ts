/** Hands a descriptor to another process over a unix socket. @see unix(7), SCM_RIGHTS */

import koffi from 'koffi'
import { close, type Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { O } from './open-flags.ts'

const socketCall = declare('int socket(int family, int type, int protocol)')
const connectCall = declare('int connect(int fd, void *address, unsigned int length)')
const sendmsgCall = declare('long sendmsg(int fd, void *message, int flags)')

const AF_UNIX = 1 // include/linux/socket.h
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_NOSIGNAL = 0x4000
/** sizeof(struct sockaddr_un) less its family. */
const PATH_BYTES_MAX = 108

/** Connects to the stream socket at `path` and sends `text` with a copy of `fd`. */
export function sendDescriptor(
  path: string,
  message: { readonly fd: Fd; readonly text: string },
): void {
  const socket = check(socketCall(AF_UNIX, SOCK_STREAM | O.CLOEXEC, 0), { syscall: 'socket' })
  try {
    const address = Buffer.alloc(2 + PATH_BYTES_MAX)
    address.writeUInt16LE(AF_UNIX, 0)
    const length = address.write(path, 2)
    check(connectCall(socket, address, 2 + length + 1), { syscall: 'connect', args: [path] })
    const parts = messageParts(message)
    check(sendmsgCall(socket, parts.header, MSG_NOSIGNAL), { syscall: 'sendmsg', args: [path] })
  } finally {
    close(socket)
  }
}

/** struct msghdr with one struct iovec and one struct cmsghdr; 64-bit layout. */
function messageParts({ fd, text }: { readonly fd: Fd; readonly text: string }): {
  readonly header: Buffer
  readonly kept: readonly Buffer[]
} {
  const content = Buffer.from(text)
  const control = Buffer.alloc(24)
  control.writeBigUInt64LE(20n, 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  control.writeInt32LE(fd, 16)
  const vector = Buffer.alloc(16)
  vector.writeBigUInt64LE(koffi.address(content), 0)
  vector.writeBigUInt64LE(BigInt(content.length), 8)
  const header = Buffer.alloc(56)
  header.writeBigUInt64LE(koffi.address(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(koffi.address(control), 32)
  header.writeBigUInt64LE(BigInt(control.length), 40)
  // Referred to by address alone: they must live until the call.
  return { header, kept: [content, control, vector] }
}
