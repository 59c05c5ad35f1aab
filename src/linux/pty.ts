/** Pseudo-terminals of a container's own devpts. @see pts(4), ioctl_tty(2) */

import type { Fd } from './fd.ts'
import { close } from './fd.ts'
import { check, declare } from './libc.ts'
import { O } from './open-flags.ts'
import { openIn } from './path.ts'

const ioctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)')
const ioctlNumber = declare('int ioctl(int fd, unsigned long request, long argument)')

const TIOCGWINSZ = 0x5413 // include/uapi/asm-generic/ioctls.h
const TIOCSWINSZ = 0x5414
const TIOCGPTN = 0x80045430
const TIOCSPTLCK = 0x40045431
const TIOCGPTPEER = 0x5441 // since Linux 4.13

export interface Pty {
  readonly master: Fd
  readonly slave: Fd
  /** N of /dev/pts/N in the container. */
  readonly number: number
}

/**
 * Opens a new terminal in the devpts that is mounted, or detached, at `devpts`. The slave is opened
 * through the master and not by its path, which a container could have replaced (CVE-2025-52565).
 */
export function openPty(devpts: Fd): Pty {
  const master = openIn(devpts, 'ptmx', {
    flags: O.RDWR | O.NOCTTY,
    resolve: 'no-symlinks',
  })
  try {
    const value = Buffer.alloc(4)
    check(ioctlPointer(master, TIOCSPTLCK, value), { syscall: 'ioctl', args: ['TIOCSPTLCK'] })
    check(ioctlPointer(master, TIOCGPTN, value), { syscall: 'ioctl', args: ['TIOCGPTN'] })
    const slave = check(ioctlNumber(master, TIOCGPTPEER, O.RDWR | O.NOCTTY | O.CLOEXEC), {
      syscall: 'ioctl',
      args: ['TIOCGPTPEER'],
    })
    return { master, slave, number: value.readUInt32LE(0) }
  } catch (error) {
    close(master)
    throw error
  }
}

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

/** Sets the size of the terminal; its foreground processes get SIGWINCH when it changes. */
export function setWindowSize(fd: Fd, { rows, columns }: WindowSize): void {
  const size = Buffer.alloc(8) // struct winsize: rows, columns, two of pixels
  size.writeUInt16LE(rows, 0)
  size.writeUInt16LE(columns, 2)
  check(ioctlPointer(fd, TIOCSWINSZ, size), { syscall: 'ioctl', args: [fd, 'TIOCSWINSZ'] })
}

export function getWindowSize(fd: Fd): WindowSize {
  const size = Buffer.alloc(8)
  check(ioctlPointer(fd, TIOCGWINSZ, size), { syscall: 'ioctl', args: [fd, 'TIOCGWINSZ'] })
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) }
}
