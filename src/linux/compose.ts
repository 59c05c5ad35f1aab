/** Mounts one detached tree inside another, so that both travel as one descriptor. */

import { isErrno } from '../errors.ts'
import { close, type Fd } from './fd.ts'
import { moveMount, openTree } from './mount.ts'
import { withOwnMounts } from './own-mounts.ts'
import { openIn } from './path.ts'

/** A tree and the directory of the root, without leading slash, that it covers. */
export interface Part {
  readonly fd: Fd
  readonly target: string
}

/**
 * A detached tree of `root` with `parts` mounted in it, parents first. Takes over all descriptors
 * given and returns the one of the whole. `place` is an empty directory of the host, used before
 * Linux 6.15.
 */
export function composeTree(
  root: Fd,
  parts: readonly Part[],
  options: { readonly place: string; readonly way?: 'detached' | 'namespace' | undefined },
): Fd {
  try {
    return options.way === 'namespace'
      ? composeInNamespace(root, parts, options.place)
      : composeDetached(root, parts, options)
  } catch (error) {
    close(root)
    throw error
  } finally {
    for (const { fd } of parts) close(fd)
  }
}

function composeDetached(
  root: Fd,
  parts: readonly Part[],
  options: { readonly place: string; readonly way?: 'detached' | 'namespace' | undefined },
): Fd {
  for (const [index, part] of parts.entries()) {
    try {
      attach(root, part)
    } catch (error) {
      // Before Linux 6.15 a detached tree takes no mounts: EINVAL from do_move_mount.
      const isOld = isErrno(error, 'EINVAL') && index === 0
      if (!isOld || options.way === 'detached') throw error
      return composeInNamespace(root, parts, options.place)
    }
  }
  return root
}

function attach(root: Fd, { fd, target }: Part): void {
  const place = openIn(root, target)
  try {
    moveMount(fd, place)
  } finally {
    close(place)
  }
}

/** The namespace ends before this returns. */
function composeInNamespace(root: Fd, parts: readonly Part[], place: string): Fd {
  return withOwnMounts(() => {
    moveMount(root, place)
    for (const part of parts) attach(root, part)
    const whole = openTree(root, { clone: true, recursive: true })
    close(root)
    return whole
  })
}
