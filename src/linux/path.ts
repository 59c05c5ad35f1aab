/** Opens paths so that nothing in an untrusted tree can lead out of it. @see openat2(2) */

import { readSync } from 'node:fs'
import { close, type Fd } from './fd.ts'
import { errnoName } from './errno.ts'
import { check, declare, declareSyscall, kernelError, lastErrno } from './libc.ts'
import { AT_FDCWD, O } from './open-flags.ts'
import { statFd } from './stat.ts'
import { syscallNumber } from './syscalls/index.ts'
import type { BytePath } from './xattr.ts'

const openat2 = declareSyscall(syscallNumber('openat2'), [
  'int',
  'const char *',
  'void *',
  'size_t',
])
const libcOpenat = declare('int openat(int fd, const char *path, int flags, unsigned int mode)')

const OPEN_HOW_BYTES = 24 // sizeof(struct open_how), include/uapi/linux/openat2.h
const RESOLVE_NO_XDEV = 0x01
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_BENEATH = 0x08
const RESOLVE_IN_ROOT = 0x10

/** A rename somewhere on the machine makes openat2 answer EAGAIN; it is not the path's fault. */
const ATTEMPTS_MAX = 100

/**
 * - `in-root`: as if the descriptor were `/`, `..` and absolute links included;
 * - `beneath`: an error when anything leads out;
 * - `no-symlinks`: beneath, and no symbolic link on the way or at the end;
 * - `same-mount`: no-symlinks, and no other mount on the way.
 */
export type Resolve = 'in-root' | 'beneath' | 'no-symlinks' | 'same-mount'

const RESOLVE: Readonly<Record<Resolve, number>> = {
  'in-root': RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  beneath: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  'no-symlinks': RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
  'same-mount': RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
}

/** Opens `path` inside the tree of `rootFd`; `flags` are of {@link O}, close-on-exec is added. */
export function openIn(
  rootFd: Fd,
  path: BytePath,
  options: {
    /** Default: O_PATH. */
    readonly flags?: number | undefined
    readonly mode?: number | undefined
    /** Default: in-root. */
    readonly resolve?: Resolve | undefined
  } = {},
): Fd {
  const how = Buffer.alloc(OPEN_HOW_BYTES)
  how.writeBigUInt64LE(BigInt((options.flags ?? O.PATH) | O.CLOEXEC), 0)
  how.writeBigUInt64LE(BigInt(options.mode ?? 0), 8)
  how.writeBigUInt64LE(BigInt(RESOLVE[options.resolve ?? 'in-root']), 16)
  // Beneath, "/x" would be EXDEV; a path inside a tree is meant from its root.
  const relative = typeof path === 'string' ? path.replace(/^\/+/, '') || '.' : relativeBytes(path)
  for (let attempt = 1; ; attempt++) {
    const fd = Number(openat2(rootFd, relative, how, OPEN_HOW_BYTES))
    if (fd >= 0) return fd
    const errno = lastErrno()
    if (errnoName(errno) !== 'EAGAIN' || attempt === ATTEMPTS_MAX) {
      throw kernelError(errno, { syscall: 'openat2', args: [Buffer.from(path).toString()] })
    }
  }
}

const SLASH = 0x2f

function relativeBytes(path: Uint8Array): Buffer {
  let start = 0
  while (path[start] === SLASH) start += 1
  const rest = start === path.length ? Buffer.from('.') : path.subarray(start)
  return Buffer.concat([rest, Buffer.of(0)])
}

/** An O_PATH descriptor of a path of the host. */
export function openPath(path: string, flags = 0): Fd {
  return check(libcOpenat(AT_FDCWD, path, O.PATH | O.CLOEXEC | flags, 0), {
    syscall: 'open',
    args: [path],
  })
}

/**
 * Reads a regular file inside the tree of `rootFd`. More than `bytesMax` throws EFBIG; a device,
 * pipe or
 * directory throws EINVAL, so that no image can make us wait or read without end.
 */
export function readIn(rootFd: Fd, path: string, bytesMax: number): Buffer {
  const fd = openIn(rootFd, path, { flags: O.RDONLY | O.NONBLOCK | O.NOCTTY })
  try {
    const { kind, size } = statFd(fd)
    if (kind !== 'file') throw kernelError(EINVAL, { syscall: 'read', args: [path] })
    // Not `bytesMax` at once: zeroed megabytes for a file of a few lines.
    let buffer = Buffer.alloc(Math.min(size, bytesMax) + 1)
    let length = 0
    for (let bytes = -1; bytes !== 0 && length <= bytesMax; length += bytes) {
      // It has grown since, or is one whose size the kernel does not know.
      if (length === buffer.length) buffer = Buffer.concat([buffer], bytesMax + 1)
      bytes = readSync(fd, buffer, length, buffer.length - length, null)
    }
    if (length > bytesMax) throw kernelError(EFBIG, { syscall: 'read', args: [path] })
    return buffer.subarray(0, length)
  } finally {
    close(fd)
  }
}

const EINVAL = 22
const EFBIG = 27
