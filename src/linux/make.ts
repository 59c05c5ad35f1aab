/** Makes directories, files, nodes and links inside a tree, whatever links the tree holds. */

import { writeSync } from 'node:fs'
import { posix } from 'node:path'
import { isErrno } from '../errors.ts'
import { close, type Fd } from './fd.ts'
import { check, declare, kernelError } from './libc.ts'
import { O } from './open-flags.ts'
import { openIn } from './path.ts'
import { chmodFd, chownFd, deviceNumber, statFd } from './stat.ts'

const mkdirat = declare('int mkdirat(int fd, const char *path, unsigned int mode)')
const mknodat = declare('int mknodat(int fd, const char *path, unsigned int mode, uint64_t device)')
const symlinkat = declare('int symlinkat(const char *target, int fd, const char *path)')

const S_IFCHR = 0o020000 // include/uapi/linux/stat.h
const S_IFBLK = 0o060000
const EEXIST = 17
const EINVAL = 22

/** Mode and owner of what is made; what exists already keeps its own. */
export interface Made {
  /** Not subject to the umask. */
  readonly mode: number
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

/**
 * Makes the directory `path` and what is missing above it. Links that exist are followed inside the
 * tree; a link that leads nowhere is ELOOP, and never filled in.
 */
export function makeDirectoryIn(rootFd: Fd, path: string, made: Made): void {
  close(openOrMakeDirectory(rootFd, path, made))
}

/**
 * Makes `path` an empty file, or leaves alone what is there. With `content` it is written, and
 * what is there
 * has to be a regular file.
 */
export function makeFileIn(
  rootFd: Fd,
  path: string,
  made: Made & { readonly content?: string | Uint8Array | undefined },
): void {
  const { parent, name } = openParent(rootFd, path)
  try {
    const fd = openOrMakeFile({ rootFd, parent, path, name, made })
    try {
      if (made.content !== undefined) writeSync(fd, Buffer.from(made.content))
    } finally {
      close(fd)
    }
  } finally {
    close(parent)
  }
}

/** Makes a device node, and checks afterwards that it is what was asked for. */
export function makeNodeIn(
  rootFd: Fd,
  path: string,
  node: Made & {
    readonly type: 'character' | 'block'
    readonly major: number
    readonly minor: number
  },
): void {
  const { parent, name } = openParent(rootFd, path)
  try {
    const type = node.type === 'character' ? S_IFCHR : S_IFBLK
    const device = deviceNumber(node.major, node.minor)
    check(mknodat(parent, name, type | node.mode, device), { syscall: 'mknodat', args: [path] })
    const fd = openIn(parent, name, { flags: O.PATH | O.NOFOLLOW, resolve: 'no-symlinks' })
    try {
      const { kind, major, minor } = statFd(fd)
      if (kind !== node.type || major !== node.major || minor !== node.minor) {
        throw kernelError(EEXIST, { syscall: 'mknodat', args: [path] })
      }
      applyMade(fd, node)
    } finally {
      close(fd)
    }
  } finally {
    close(parent)
  }
}

/** Makes a symbolic link at `path` that says `target`, whatever that means in there. */
export function symlinkIn(rootFd: Fd, target: string, path: string): void {
  const { parent, name } = openParent(rootFd, path)
  try {
    check(symlinkat(target, parent, name), { syscall: 'symlinkat', args: [target, path] })
  } finally {
    close(parent)
  }
}

/** Parents that had to be made are like a freshly installed system's. */
const PARENT: Made = { mode: 0o755 }

function openParent(rootFd: Fd, path: string): { readonly parent: Fd; readonly name: string } {
  const parts = componentsOf(path)
  const name = parts.at(-1)
  if (name === undefined) throw kernelError(EEXIST, { syscall: 'openat2', args: [path] })
  return { parent: openOrMakeDirectory(rootFd, parts.slice(0, -1).join('/'), PARENT), name }
}

function openOrMakeDirectory(rootFd: Fd, path: string, made: Made): Fd {
  const parts = componentsOf(path)
  const existing = openLongest(rootFd, parts)
  let { fd } = existing
  try {
    for (const [index, part] of parts.slice(existing.count).entries()) {
      const isLast = existing.count + index === parts.length - 1
      const next = makeOneDirectory(fd, part, { path, made: isLast ? made : PARENT })
      close(fd)
      fd = next
    }
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

/** The directory of as many leading parts as exist, links followed inside the tree. */
function openLongest(
  rootFd: Fd,
  parts: readonly string[],
): { readonly fd: Fd; readonly count: number } {
  for (let count = parts.length; ; count--) {
    try {
      const flags = O.PATH | O.DIRECTORY
      return { fd: openIn(rootFd, parts.slice(0, count).join('/'), { flags }), count }
    } catch (error) {
      if (count === 0 || !isMissing(error)) throw error
    }
  }
}

function makeOneDirectory(
  parent: Fd,
  name: string,
  { path, made }: { readonly path: string; readonly made: Made },
): Fd {
  const flags = O.PATH | O.DIRECTORY
  try {
    check(mkdirat(parent, name, made.mode), { syscall: 'mkdirat', args: [path] })
  } catch (error) {
    // Somebody made it at the same time, or a link without target is there: opening tells.
    if (!isErrno(error, 'EEXIST')) throw error
    return openIn(parent, name, { flags, resolve: 'no-symlinks' })
  }
  const fd = openIn(parent, name, { flags, resolve: 'no-symlinks' })
  try {
    applyMade(fd, made)
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

function openOrMakeFile(wanted: {
  readonly rootFd: Fd
  readonly parent: Fd
  readonly path: string
  readonly name: string
  readonly made: Made & { readonly content?: unknown }
}): Fd {
  const { rootFd, parent, path, name, made } = wanted
  const writable = O.WRONLY | O.NOCTTY | O.NONBLOCK
  try {
    const flags = writable | O.CREAT | O.EXCL | O.NOFOLLOW
    const fd = openIn(parent, name, { flags, mode: made.mode, resolve: 'no-symlinks' })
    applyMade(fd, made)
    return fd
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
  if (made.content === undefined) return openIn(rootFd, path)
  const fd = openIn(rootFd, path, { flags: writable | O.TRUNC })
  if (statFd(fd).kind === 'file') return fd
  close(fd)
  throw kernelError(EINVAL, { syscall: 'write', args: [path] })
}

/** Parts of a path inside a tree; `..` is taken back by text, as no link can be meant by it. */
function componentsOf(path: string): string[] {
  return posix.normalize(`/${path}`).split('/').filter(Boolean)
}

function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT')
}

function applyMade(fd: Fd, { mode, uid, gid }: Made): void {
  // First the owner: chown(2) takes setuid and setgid away.
  if (uid !== undefined || gid !== undefined) chownFd(fd, uid ?? KEEP, gid ?? KEEP)
  chmodFd(fd, mode)
}

/** chown(2): "If the owner or group is specified as -1, then that ID is not changed." */
const KEEP = 0xffffffff
