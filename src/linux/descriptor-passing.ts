/** Hands a descriptor to another process over a unix socket. @see unix(7), SCM_RIGHTS */

import koffi from 'koffi'
import { controlBytes, messageHeader, words } from './ancillary.ts'
import { close, type Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { O } from './open-flags.ts'

const socketCall = declare('int socket(int family, int type, int protocol)')
const connectCall = declare('int connect(int fd, void *address, unsigned int length)')
const sendmsgCall = declare('long sendmsg(int fd, void *message, int flags)')

const AF_UNIX = 1 // include/linux/socket.h
const SOCK_STREAM = 1
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

/** What sendmsg(2) takes, and what it refers to. */
function messageParts({ fd, text }: { readonly fd: Fd; readonly text: string }): {
  readonly header: Buffer
  readonly kept: readonly Buffer[]
} {
  const content = Buffer.from(text)
  const control = controlBytes([fd])
  const vector = words(koffi.address(content), content.length)
  const sent = { address: koffi.address(control), bytes: control.length }
  // Referred to by address alone: they must live until the call.
  return { header: messageHeader(koffi.address(vector), sent), kept: [content, control, vector] }
}
