/** A tree that files are copied from or to, and what is found in it. */

import { posix } from 'node:path'
import { EngineError, KernelError, UsageError } from '../../errors.ts'
import { SYMLINKS_MAX } from '../../limits.ts'
import {
  close,
  type Fd,
  type FileKind,
  FS_MAGIC,
  fsTypeOf,
  type IdRange,
  O,
  openIn,
  readLinkFd,
  statFd,
} from '../../linux/index.ts'

/** A container's root, or this machine's. Whatever is looked up in it, no link leads out of it. */
export interface Tree {
  /** O_PATH descriptor of the root directory. */
  readonly root: Fd
  /** Whose it is, before paths in messages: `shop-web-1:`; '' for this machine. */
  readonly label: string
  /** Ids of this machine that its users are; absent: the same. */
  readonly users?: IdRange
}

/** What lies at a path; undefined: nothing. Its descriptor is the caller's to close. */
export function openInTree(
  { root }: Tree,
  path: string,
  { follow }: { readonly follow: boolean },
): Fd | undefined {
  const text = /^\/*$/.test(path) ? '.' : path
  try {
    return openIn(root, text, { flags: O.PATH | (follow ? 0 : O.NOFOLLOW) })
  } catch (error) {
    if (error instanceof KernelError && MISSING.has(error.errnoName)) return undefined
    throw error
  }
}

/** A path through a file leads nowhere either. */
const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

export function kindAt(tree: Tree, path: string, follow: boolean): FileKind | undefined {
  const fd = openInTree(tree, path, { follow })
  if (fd === undefined) return undefined
  try {
    return statFd(fd).kind
  } finally {
    close(fd)
  }
}

/**
 * Where `path` is once links at its end are followed, as far as they lead, whether or not anything
 * is there. Not normalised: `..` after a link is the kernel's to resolve.
 */
export function withoutLinks(tree: Tree, path: string): string {
  let at = path
  for (let links = 0; ; links += 1) {
    const fd = openInTree(tree, at, { follow: false })
    if (fd === undefined) return at
    try {
      if (statFd(fd).kind !== 'link') return at
      if (links === SYMLINKS_MAX) throw inCircle(tree, path)
      const target = readLinkFd(fd).toString()
      at = target.startsWith('/') ? target : `${directoryOf(at)}/${target}`
    } finally {
      close(fd)
    }
  }
}

/** `/a/b` of `/a/b/c`; '' of `/c`. */
export function directoryOf(path: string): string {
  const bare = path.replace(/\/+$/, '')
  return bare.slice(0, Math.max(0, bare.lastIndexOf('/')))
}

/** The last name of a path; '' of a root. */
export function nameOf(path: string): string {
  return posix.basename(posix.resolve('/', path))
}

/** procfs and the like are the kernel's: their files have no size, and take no copies. */
export function isOfKernel(fd: Fd): boolean {
  const type = fsTypeOf(fd)
  return OF_KERNEL.has(type)
}

const OF_KERNEL: ReadonlySet<number> = new Set([
  FS_MAGIC.proc,
  FS_MAGIC.sysfs,
  FS_MAGIC.cgroup,
  FS_MAGIC.cgroup2,
  FS_MAGIC.devpts,
  FS_MAGIC.nsfs,
])

export function ofKernel({ label }: Tree, path: string): UsageError {
  return new UsageError(
    `Cannot copy "${label}${path}": it is on a file system of the kernel, not of files`,
    { code: 'NOT_SUPPORTED', hint: 'read or write it by a program: tsstack exec SERVICE cat PATH' },
  )
}

function inCircle({ label }: Tree, path: string): EngineError {
  return new EngineError('ACTION_FAILED', `Cannot copy "${label}${path}": its links are a circle`)
}
