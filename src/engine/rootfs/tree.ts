/** Looks a path up in a root that has mounts which are not attached yet. */

import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { SYMLINKS_MAX } from '../../limits.ts'
import { close, type Fd, O, openIn, openPath } from '../../linux/index.ts'

/** A container's files before it runs: its root, and what will be mounted over parts of it. */
export interface RootTree {
  readonly rootFd: Fd
  /** Normal absolute paths; the last one of equal paths covers the others. */
  readonly mounts?: readonly { readonly target: string; readonly fd: Fd }[] | undefined
}

/** An O_PATH descriptor of what `path` will name inside; links are followed, never out of it. */
export function openInTree(tree: RootTree, path: string): Fd {
  if ((tree.mounts ?? []).length === 0) return openIn(tree.rootFd, path)
  let rest = partsOf(path)
  let here = '/'
  for (let links = 0; rest.length > 0;) {
    const [name = '', ...later] = rest
    const next = posix.join(here, name)
    const target = name === '..' ? undefined : linkTarget(tree, next)
    if (target === undefined) {
      here = next
      rest = later
    } else {
      links += 1
      // One too many: the kernel says ELOOP in its own words when it is asked for all at once.
      if (links > SYMLINKS_MAX) return openIn(tree.rootFd, path)
      if (target.startsWith('/')) here = '/'
      rest = [...partsOf(target), ...later]
    }
  }
  return openPlain(tree, here)
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** What the link at `path` says; `undefined` when it is no link. Throws ENOENT and the like. */
function linkTarget(tree: RootTree, path: string): string | undefined {
  const parent = openPlain(tree, posix.dirname(path), O.DIRECTORY)
  try {
    const { fd } = mountAt(tree, path)
    // A mount covers whatever is below it.
    if (fd !== undefined) return undefined
    close(openIn(parent, posix.basename(path), { flags: O.PATH | O.NOFOLLOW }))
    return readlinkSync(`/proc/self/fd/${parent}/${posix.basename(path)}`)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return undefined
    throw error
  } finally {
    close(parent)
  }
}

/** Opens a path without links in the deepest mount that has it. */
function openPlain(tree: RootTree, path: string, flags = 0): Fd {
  const { mounts = [] } = tree
  const home = mounts
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .reduce<{ target: string; fd: Fd } | undefined>(
      (deepest, one) => (one.target.length >= (deepest?.target.length ?? 0) ? one : deepest),
      undefined,
    )
  const below = path.slice(home?.target.length ?? 0)
  // What is mounted may be a file, in which "." cannot be looked up.
  if (home && below === '') return openPath(`/proc/self/fd/${home.fd}`, flags)
  return openIn(home?.fd ?? tree.rootFd, below, { flags: O.PATH | flags })
}

function mountAt({ mounts = [] }: RootTree, path: string): { readonly fd: Fd | undefined } {
  return { fd: mounts.findLast(({ target }) => target === path)?.fd }
}
