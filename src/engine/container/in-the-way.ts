/** What lies where a mount is to go, in words. */

import { posix } from 'node:path'
import { EngineError, KernelError } from '../../errors.ts'
import { close, type Fd, O, openIn } from '../../linux/index.ts'

export interface MountPlace {
  readonly container: string
  /** Where the mount goes. */
  readonly target: string
  readonly isDirectory: boolean
  /** The image, or an earlier mount: the tree in which `path` is to be. */
  readonly holder: string
  readonly tree: Fd
  readonly path: string
}

export const IMAGE = 'the image'

const IN_THE_WAY: Readonly<Record<string, string>> = {
  ELOOP: 'has a link there that leads nowhere',
  // Of a file; whatever else is missing on the way is made.
  ENOENT: 'has a link there that leads nowhere',
  ENOTDIR: 'has a file there, and a directory is mounted',
}

/** Instead of `cause`, when the holder is to blame. */
export function inTheWay(cause: unknown, place: MountPlace): unknown {
  if (!(cause instanceof KernelError)) return cause
  const { tree, path, isDirectory, holder } = place
  const isBelowFile =
    cause.errnoName === 'ENOTDIR' && !(isDirectory && hasDirectory(tree, posix.dirname(path)))
  const why = isBelowFile ? 'has a file above it' : IN_THE_WAY[cause.errnoName]
  return why === undefined ? cause : notThere(place, `${holder} ${why}`, cause)
}

/** What is there already is taken, but only a file can be mounted on a file. */
export function refuseDirectory(place: MountPlace): void {
  if (place.isDirectory || !hasDirectory(place.tree, place.path)) return
  throw notThere(place, `${place.holder} has a directory there, and a file is mounted`)
}

export function notThere(
  { target, container, holder }: Pick<MountPlace, 'target' | 'container' | 'holder'>,
  why: string,
  cause?: unknown,
): EngineError {
  const cure = holder === IMAGE ? 'correct the image' : 'remove what is in the way'
  return new EngineError('LAUNCH', `Cannot mount at "${target}" of "${container}": ${why}`, {
    hint: `give another target, or ${cure}`,
    cause,
  })
}

function hasDirectory(rootFd: Fd, path: string): boolean {
  try {
    close(openIn(rootFd, path, { flags: O.PATH | O.DIRECTORY }))
    return true
  } catch (error) {
    if (error instanceof KernelError) return false
    throw error
  }
}
