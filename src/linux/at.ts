/**
 * Calls on one name in an open directory: nothing is followed, so no link can lead elsewhere. Names
 * are bytes, as tar archives and file systems have them.
 */

import type { Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { AT_SYMLINK_NOFOLLOW, O } from './open-flags.ts'
import { deviceNumber } from './stat.ts'

/** One component of a path, without `/` or NUL. */
export type Name = Uint8Array

const openat = declare('int openat(int fd, const char *path, int flags, unsigned int mode)')
const mkdirat = declare('int mkdirat(int fd, const char *path, unsigned int mode)')
const mknodat = declare('int mknodat(int fd, const char *path, unsigned int mode, uint64_t device)')
const symlinkat = declare('int symlinkat(const char *target, int fd, const char *path)')
const linkat = declare(
  'int linkat(int from, const char *fromPath, int to, const char *toPath, int flags)',
)
const unlinkat = declare('int unlinkat(int fd, const char *path, int flags)')
const fchownat = declare(
  'int fchownat(int fd, const char *path, unsigned int uid, unsigned int gid, int flags)',
)
const fchmodat = declare('int fchmodat(int fd, const char *path, unsigned int mode, int flags)')
const utimensat = declare('int utimensat(int fd, const char *path, const void *times, int flags)')
const readlinkat = declare('long readlinkat(int fd, const char *path, void *buffer, size_t size)')
const futimens = declare('int futimens(int fd, const void *times)')
const syncfs = declare('int syncfs(int fd)')

const S_IFMT = { fifo: 0o010000, character: 0o020000, block: 0o060000 } as const

/** Opens `name` in the directory `fd`; a symbolic link is ELOOP. `flags` are of {@link O}. */
export function openAt(fd: Fd, name: Name, flags: number, mode = 0): Fd {
  return check(openat(fd, terminated(name), flags | O.NOFOLLOW | O.CLOEXEC, mode), {
    syscall: 'openat',
    args: [shown(name)],
  })
}

/** EEXIST throws; `mode` is subject to the umask. */
export function makeDirectoryAt(fd: Fd, name: Name, mode: number): void {
  check(mkdirat(fd, terminated(name), mode), { syscall: 'mkdirat', args: [shown(name)] })
}

/** A device node or a named pipe. EEXIST throws; the mode is subject to the umask. */
export function makeNodeAt(
  fd: Fd,
  name: Name,
  node: {
    readonly kind: 'fifo' | 'character' | 'block'
    readonly mode: number
    readonly major: number
    readonly minor: number
  },
): void {
  const device = node.kind === 'fifo' ? 0n : deviceNumber(node.major, node.minor)
  check(mknodat(fd, terminated(name), S_IFMT[node.kind] | node.mode, device), {
    syscall: 'mknodat',
    args: [shown(name)],
  })
}

/** EEXIST throws; what `target` says is never looked at. */
export function symlinkAt(fd: Fd, name: Name, target: Uint8Array): void {
  check(symlinkat(terminated(target), fd, terminated(name)), {
    syscall: 'symlinkat',
    args: [shown(target), shown(name)],
  })
}

/** What the symbolic link says that the O_PATH descriptor `fd` names. @see readlink(2) */
export function readLinkFd(fd: Fd): Buffer {
  const buffer = Buffer.alloc(PATH_MAX)
  const bytes = check(readlinkat(fd, '', buffer, buffer.length), {
    syscall: 'readlinkat',
    args: [fd],
  })
  return buffer.subarray(0, bytes)
}

const PATH_MAX = 4096 // include/uapi/linux/limits.h

/** Another name for a file; a symbolic link gets one itself. */
export function linkAt(
  from: { readonly fd: Fd; readonly name: Name },
  to: { readonly fd: Fd; readonly name: Name },
): void {
  check(linkat(from.fd, terminated(from.name), to.fd, terminated(to.name), 0), {
    syscall: 'linkat',
    args: [shown(from.name), shown(to.name)],
  })
}

/** Removes a name that is no directory. */
export function unlinkAt(fd: Fd, name: Name): void {
  check(unlinkat(fd, terminated(name), 0), { syscall: 'unlinkat', args: [shown(name)] })
}

/** Owner of what has the name, links themselves. */
export function chownAt(fd: Fd, name: Name, owner: { uid: number; gid: number }): void {
  check(fchownat(fd, terminated(name), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW), {
    syscall: 'fchownat',
    args: [shown(name), owner.uid, owner.gid],
  })
}

/** For what cannot be opened, such as device nodes; the caller knows that it is no link. */
export function chmodAt(fd: Fd, name: Name, mode: number): void {
  check(fchmodat(fd, terminated(name), mode, 0), { syscall: 'fchmodat', args: [shown(name)] })
}

/** A time of a file: seconds since the epoch, below zero before it, and nanoseconds. */
export interface FileTime {
  readonly seconds: number
  readonly nanoseconds: number
}

/** Access and modification time of what has the name, links themselves. */
export function setTimesAt(fd: Fd, name: Name, time: FileTime): void {
  check(utimensat(fd, terminated(name), timespecs(time), AT_SYMLINK_NOFOLLOW), {
    syscall: 'utimensat',
    args: [shown(name)],
  })
}

/** Access and modification time of an open file. */
export function setTimesFd(fd: Fd, time: FileTime): void {
  check(futimens(fd, timespecs(time)), { syscall: 'futimens', args: [fd] })
}

/** Waits until everything written to the file system of `fd` is on its disk. */
export function syncFileSystem(fd: Fd): void {
  check(syncfs(fd), { syscall: 'syncfs', args: [fd] })
}

/** Two struct timespec of the C library: 64-bit seconds and nanoseconds each. */
const times = Buffer.alloc(32)

function timespecs({ seconds, nanoseconds }: FileTime): Buffer {
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(Math.trunc(seconds)), offset)
    times.writeBigInt64LE(BigInt(Math.trunc(nanoseconds)), offset + 8)
  }
  return times
}

function terminated(name: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(name.length + 1)
  bytes.set(name)
  bytes[name.length] = 0
  return bytes
}

function shown(name: Uint8Array): string {
  return Buffer.from(name).toString()
}
