/** Asks the kernel what could be read at this moment. */

import type { Fd } from './fd.ts'
import { errnoNumber } from './errno.ts'
import { check, declareSyscall, lastErrno } from './libc.ts'
import { syscallNumber } from './syscalls/index.ts'

const ppollCall = declareSyscall(syscallNumber('ppoll'), [
  'void *',
  'unsigned int',
  'void *',
  'void *',
  'size_t',
])

const POLLIN = 0x1 // include/uapi/asm-generic/poll.h

/**
 * Whether `fd` has bytes to be read now. The end of a stream is no byte. A terminal's bytes that
 * the kernel is still moving count: its poll waits for them (n_tty_poll). @see ppoll(2)
 */
export function hasBytes(fd: Fd): boolean {
  const request = Buffer.alloc(8) // struct pollfd: int fd, short events, short revents.
  request.writeInt32LE(fd)
  request.writeInt16LE(POLLIN, 4)
  const result = ppollCall(request, 1, Buffer.alloc(16), null, 0)
  // A signal of a child's end came while there was nothing: it is handled, and asked again.
  if (result < 0 && lastErrno() === errnoNumber('EINTR')) return hasBytes(fd)
  check(result, { syscall: 'ppoll', args: [fd] })
  return (request.readInt16LE(6) & POLLIN) !== 0
}
