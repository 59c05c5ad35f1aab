/** Extended attributes of files: capabilities, ACLs and what users store. @see xattr(7) */

import { errnoName } from './errno.ts'
import type { Fd } from './fd.ts'
import { check, declare, kernelError, lastErrno } from './libc.ts'

const llistxattr = declare('long llistxattr(const char *path, void *list, size_t size)')
const lgetxattr = declare(
  'long lgetxattr(const char *path, const char *name, void *value, size_t size)',
)
const lsetxattr = declare(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
)

const lremovexattr = declare('int lremovexattr(const char *path, const char *name)')
const fsetxattr = declare(
  'int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)',
)

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of include/uapi/linux/limits.h. */
const XATTR_BYTES_MAX = 65_536

/** Every file of a layer is asked: what the last answer was is copied out at once. */
const scratch = Buffer.allocUnsafeSlow(XATTR_BYTES_MAX)

/** A path as text, or as bytes where a name need not be UTF-8. */
export type BytePath = string | Uint8Array

/**
 * All attributes of `path`, which is not followed when it is a link; none where there can be none.
 */
export function readXattrs(path: BytePath): ReadonlyMap<string, Buffer> {
  const list = scratch
  const length = Number(llistxattr(terminated(path), list, list.length))
  if (length < 0) {
    if (errnoName(lastErrno()) === 'EOPNOTSUPP') return new Map()
    throw kernelError(lastErrno(), { syscall: 'llistxattr', args: [shown(path)] })
  }
  const names = list.toString('utf8', 0, length).split('\0').filter(Boolean)
  return new Map(names.map((name) => [name, readXattr(path, name)]))
}

function readXattr(path: BytePath, name: string): Buffer {
  const value = scratch
  const length = check(lgetxattr(terminated(path), name, value, value.length), {
    syscall: 'lgetxattr',
    args: [shown(path), name],
  })
  return Buffer.from(value.subarray(0, length))
}

/** Sets one attribute; EOPNOTSUPP and others throw. */
export function writeXattr(path: BytePath, name: string, value: Uint8Array): void {
  check(lsetxattr(terminated(path), name, value, value.length, 0), {
    syscall: 'lsetxattr',
    args: [shown(path), name],
  })
}

/** Sets one attribute of an open file or directory, which O_PATH does not open. */
export function writeXattrFd(fd: Fd, name: string, value: Uint8Array): void {
  check(fsetxattr(fd, name, value, value.length, 0), { syscall: 'fsetxattr', args: [fd, name] })
}

/** Of the file itself, also of a link. */
export function removeXattr(path: BytePath, name: string): void {
  check(lremovexattr(terminated(path), name), {
    syscall: 'lremovexattr',
    args: [shown(path), name],
  })
}

function terminated(path: BytePath): BytePath {
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.from([0])])
}

function shown(path: BytePath): string {
  return Buffer.from(path).toString()
}
