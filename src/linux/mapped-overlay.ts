/** An overlay whose layers are id-mapped: its files belong to the users of a user namespace. */

import { basename, dirname } from 'node:path'
import assert from 'node:assert/strict'
import { isErrno } from '../errors.ts'
import { createDetachedMount } from './detached-mount.ts'
import { close, type Fd } from './fd.ts'
import { withFileUser } from './file-user.ts'
import { moveMount, mountSetattr, openTree } from './mount.ts'
import { withOwnMounts } from './own-mounts.ts'

export interface MappedOverlay {
  /** Topmost first. */
  readonly lowers: readonly string[]
  /** Neighbours: an overlay wants both on one mount. */
  readonly upper: string
  readonly work: string
  readonly options: Readonly<Record<string, string | true>>
  readonly users: Fd
  /** What user 0 of `users` is outside. */
  readonly firstId: number
  /** An empty directory of the host, used before Linux 6.15. */
  readonly place: string
  readonly way?: 'detached' | 'namespace' | undefined
}

/**
 * The overlay as a detached mount. An overlay cannot be mapped itself, but maps what its layers
 * are mounted with (Linux 5.19). Throws EINVAL of mount_setattr for a file system that cannot.
 */
export function createMappedOverlay(overlay: MappedOverlay): Fd {
  const { lowers, upper, work, users } = overlay
  const above = dirname(upper)
  assert(dirname(work) === above, 'Upper and work directory are neighbours')
  const trees: Fd[] = []
  const mapped = (directory: string): string => {
    const tree = openTree(directory, { clone: true })
    trees.push(tree)
    mountSetattr(tree, { users, propagation: 'private' })
    return `/proc/self/fd/${tree}`
  }
  try {
    const own = mapped(above)
    const mount = {
      type: 'overlay',
      lowers: lowers.map(mapped),
      options: {
        upperdir: `${own}/${basename(upper)}`,
        workdir: `${own}/${basename(work)}`,
        ...overlay.options,
      },
    }
    // An overlay goes on to make files as whoever has mounted it: as somebody whom its layers know.
    return withFileUser(overlay.firstId, () =>
      overlay.way === 'namespace'
        ? createAttached(mount, trees, overlay.place)
        : createFrom(mount, trees, overlay),
    )
  } finally {
    for (const tree of trees) close(tree)
  }
}

function createFrom(
  mount: Parameters<typeof createDetachedMount>[0],
  trees: readonly Fd[],
  { place, way }: MappedOverlay,
): Fd {
  try {
    return createDetachedMount(mount)
  } catch (error) {
    // Before Linux 6.15 no layer may be on a detached mount: EINVAL from clone_private_mount.
    const isOld = isErrno(error, 'EINVAL')
    if (!isOld || way === 'detached') throw error
    return createAttached(mount, trees, place)
  }
}

/** Mounted over one another: each is reached through its descriptor all the same. */
function createAttached(
  mount: Parameters<typeof createDetachedMount>[0],
  trees: readonly Fd[],
  place: string,
): Fd {
  return withOwnMounts(() => {
    for (const tree of trees) moveMount(tree, place)
    return createDetachedMount(mount)
  })
}
