/** Datagrams to a unix socket, which node itself cannot send. @see unix(7) */

import { SOCKET_PATH_BYTES_MAX } from '../limits.ts'
import { errnoNumber } from './errno.ts'
import { close, type Fd } from './fd.ts'
import { check, declare, declareAsync, kernelError, lastErrno } from './libc.ts'

const socketCall = declare('int socket(int family, int type, int protocol)')
const connectCall = declare('int connect(int fd, void *address, unsigned int length)')
const sendCall = declare('long send(int fd, void *bytes, size_t length, int flags)')
const pollCall = declareAsync('int poll(void *requests, unsigned long count, int timeoutMs)')

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000 // include/linux/socket.h
const POLLOUT = 4
/** A receiver that takes nothing for so long is asked again by the sender, or given up. */
const FULL_MS_MAX = 1_000

/** One sender, connected to the socket at a path. */
export class UnixDatagrams {
  readonly #path: string
  readonly #fd: Fd

  /** Throws {@link KernelError} when nobody listens there. */
  constructor(path: string) {
    this.#path = path
    this.#fd = check(socketCall(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), {
      syscall: 'socket',
      args: ['AF_UNIX', 'SOCK_DGRAM'],
    })
    try {
      const address = addressOf(path)
      check(connectCall(this.#fd, address, address.length), { syscall: 'connect', args: [path] })
    } catch (error) {
      close(this.#fd)
      throw error
    }
  }

  /**
   * Undefined once the receiver has it; a promise of that while its queue is full. Throws and
   * rejects with {@link KernelError} when the receiver is gone, or will not have it.
   */
  send(bytes: Uint8Array): Promise<void> | undefined {
    return this.#isTaken(bytes) ? undefined : this.#sendLater(bytes)
  }

  close(): void {
    close(this.#fd)
  }

  #isTaken(bytes: Uint8Array): boolean {
    if (sendCall(this.#fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL) >= 0) return true
    const errno = lastErrno()
    if (errno === errnoNumber('EINTR')) return this.#isTaken(bytes)
    if (errno === errnoNumber('EAGAIN')) return false
    throw kernelError(errno, { syscall: 'send', args: [this.#path, bytes.length] })
  }

  async #sendLater(bytes: Uint8Array): Promise<void> {
    do {
      const request = Buffer.alloc(8) // struct pollfd: int fd, short events, short revents.
      request.writeInt32LE(this.#fd)
      request.writeInt16LE(POLLOUT, 4)
      await pollCall(request, 1, FULL_MS_MAX)
    } while (!this.#isTaken(bytes))
  }
}

/** struct sockaddr_un */
function addressOf(path: string): Buffer {
  const bytes = Buffer.from(path)
  if (bytes.length > SOCKET_PATH_BYTES_MAX) {
    throw kernelError(errnoNumber('ENAMETOOLONG'), { syscall: 'connect', args: [path] })
  }
  const address = Buffer.alloc(2 + bytes.length + 1)
  address.writeUInt16LE(AF_UNIX)
  bytes.copy(address, 2)
  return address
}
