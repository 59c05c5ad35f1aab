/** What lies where a mount is to go, in words. */

import { posix } from 'node:path'
import { EngineError, KernelError } from '../../errors.ts'
import { close, type Fd, O, openIn } from '../../linux/index.ts'

export interface MountPlace {
  readonly container: string
  /** In which `path` could not be made. */
  readonly rootFd: Fd
  readonly path: string
  readonly isDirectory: boolean
}

const IN_THE_WAY: Readonly<Record<string, string>> = {
  ELOOP: 'the image has a link there that leads nowhere',
  // Of a file; whatever else is missing on the way is made.
  ENOENT: 'the image has a link there that leads nowhere',
  ENOTDIR: 'the image has a file there, and a directory is mounted',
}

/** Instead of `cause`, when the image is to blame. */
export function inTheWay(cause: unknown, place: MountPlace): unknown {
  if (!(cause instanceof KernelError)) return cause
  const { rootFd, path, isDirectory } = place
  const isBelowFile =
    cause.errnoName === 'ENOTDIR' && !(isDirectory && hasDirectory(rootFd, posix.dirname(path)))
  const why = isBelowFile ? 'the image has a file above it' : IN_THE_WAY[cause.errnoName]
  return why === undefined ? cause : notThere(place, why, cause)
}

/** What is there already is taken, but only a file can be mounted on a file. */
export function refuseDirectory(place: MountPlace): void {
  if (place.isDirectory || !hasDirectory(place.rootFd, place.path)) return
  throw notThere(place, 'the image has a directory there, and a file is mounted')
}

export function notThere(
  { path, container }: Pick<MountPlace, 'path' | 'container'>,
  why: string,
  cause?: unknown,
): EngineError {
  const hint = 'give another target, or correct the image'
  return new EngineError('LAUNCH', `Cannot mount at "${path}" of "${container}": ${why}`, {
    hint,
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
