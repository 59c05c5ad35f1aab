/** SIGIO for descriptors that node cannot poll (O_ASYNC, fcntl(2)). */

import { close, type Fd } from './fd.ts'
import { check, declare } from './libc.ts'

const fcntl = declare('int fcntl(int fd, int command, int argument)')

const F_SETFL = 4 // include/uapi/asm-generic/fcntl.h
const F_SETOWN = 8
const O_ASYNC = 0x2000
const O_NONBLOCK = 0x800
/** Changes come in crowds, and each would be a signal: they are told together. */
const COLLECT_MS = 50

/**
 * Calls `onReadable` soon after one of `fds` has become readable. It has to read all there is from
 * each: the kernel tells of the change to readable alone. On the main thread only; disposing closes
 * them.
 */
export function signalReadable(fds: readonly Fd[], onReadable: () => void): Disposable {
  const setFlags = (flags: number): void => {
    for (const fd of fds) {
      check(fcntl(fd, F_SETFL, flags), { syscall: 'fcntl', args: [fd, 'F_SETFL', flags] })
    }
  }
  let timer: NodeJS.Timeout | undefined
  const collect = (): void => {
    timer = undefined
    // Signals first: what comes after the descriptors were emptied is told again.
    setFlags(O_ASYNC | O_NONBLOCK)
    onReadable()
  }
  const handle = (): void => {
    if (timer !== undefined) return
    setFlags(O_NONBLOCK)
    timer = setTimeout(collect, COLLECT_MS).unref()
  }
  // Before the kernel may send it: by default SIGIO ends a process.
  process.on('SIGIO', handle)
  for (const fd of fds) {
    check(fcntl(fd, F_SETOWN, process.pid), { syscall: 'fcntl', args: [fd, 'F_SETOWN'] })
  }
  setFlags(O_ASYNC | O_NONBLOCK)
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      for (const fd of fds) close(fd)
      process.off('SIGIO', handle)
    },
  }
}
