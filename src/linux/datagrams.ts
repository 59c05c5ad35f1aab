/** Datagrams that are sent at once or not at all, on a socket that node reads. @see udp(7) */

import type { Fd } from './fd.ts'
import { declare } from './libc.ts'

const sendtoCall = declare(
  'long sendto(int fd, void *bytes, size_t length, int flags, void *to, unsigned int toLength)',
)

const AF_INET = 2
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000 // include/linux/socket.h
const SOCKADDR_IN_BYTES = 16 // sizeof(struct sockaddr_in)

/** Holds nothing that has to be closed: the socket is its owner's. */
export class DatagramSender {
  readonly #fd: Fd
  readonly #to: Buffer = Buffer.alloc(SOCKADDR_IN_BYTES)
  #address = ''

  /** An IPv4 socket that does not block. */
  constructor(fd: Fd) {
    this.#fd = fd
    this.#to.writeUInt16LE(AF_INET)
  }

  /** What does not fit into the socket's queue, or may not be sent, is lost: as on any wire. */
  send(bytes: Uint8Array, to: { readonly address: string; readonly port: number }): void {
    if (to.address !== this.#address) {
      this.#address = to.address
      this.#to.set(to.address.split('.').map(Number), 4)
    }
    this.#to.writeUInt16BE(to.port, 2)
    sendtoCall(this.#fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, this.#to, SOCKADDR_IN_BYTES)
  }
}
