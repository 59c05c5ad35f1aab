/** Makes files as another user, with all of our own rights, within one synchronous call. */

import { check, declare, declareSyscall } from './libc.ts'
import { syscallNumber } from './syscalls/index.ts'

// Of glibc and musl alike these count for the calling thread alone. @see setfsuid(2)
const setfsuid = declare('int setfsuid(unsigned int uid)')
const setfsgid = declare('int setfsgid(unsigned int gid)')
const capget = declareSyscall(syscallNumber('capget'), ['void *', 'void *'])
const capset = declareSyscall(syscallNumber('capset'), ['void *', 'void *'])

const VERSION_3 = 0x20080522 // include/uapi/linux/capability.h

/**
 * Runs `inside` on this thread with `id` as the user and group of what it makes. The kernel takes
 * the rights over files away from who is no longer root in this (capabilities(7)); we take them
 * back, and are root again when this returns.
 */
export function withFileUser<T>(id: number, inside: () => T): T {
  setfsgid(id)
  setfsuid(id)
  try {
    raiseCapabilities()
    return inside()
  } finally {
    setfsuid(process.geteuid?.() ?? 0)
    setfsgid(process.getegid?.() ?? 0)
  }
}

/** Effective are all that are permitted. */
function raiseCapabilities(): void {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(VERSION_3, 0)
  // Twice effective, permitted, inheritable: the low halves, then the high ones.
  const data = Buffer.alloc(24)
  check(capget(header, data), { syscall: 'capget' })
  for (const half of [0, 12]) data.copy(data, half, half + 4, half + 8)
  check(capset(header, data), { syscall: 'capset' })
}
