/** What an image lacks: the places in it for the mounts that every container has. */

import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { KernelError, isErrno } from '../../errors.ts'
import { close, type Fd, O, openIn, openPath, statFd } from '../../linux/index.ts'
import { ETC_FILES } from './network-files.ts'

export interface Places {
  /** Where /etc really is: `etc`, or `usr/etc` behind a link of the image. */
  readonly etc: string
  /** Parents first. */
  readonly entries: readonly Place[]
}

/** To be made over the image, relative to its root. */
export interface Place {
  readonly kind: 'directory' | 'file'
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/**
 * `lowers` are the directories of the image, topmost first. Directories have the owner and mode of
 * those of the image, which they cover in the merged tree. Nothing goes through the image's own
 * links: /etc is looked up inside it.
 */
export function findPlaces(lowers: readonly string[]): Places {
  const images: Fd[] = []
  try {
    for (const lower of lowers) images.push(openPath(lower, O.DIRECTORY))
    const etc = realPathIn(images, 'etc')
    return { etc, entries: entriesOf(images, etc) }
  } finally {
    for (const fd of images) close(fd)
  }
}

function entriesOf(images: readonly Fd[], etc: string): readonly Place[] {
  const directory = (path: string): Place => ({
    kind: 'directory',
    path,
    ...attributesIn(images, path),
  })
  return [
    ...withParents(etc).map(directory),
    ...ETC_FILES.map((name): Place => ({
      kind: 'file',
      path: posix.join(etc, name),
      mode: 0o644,
      uid: 0,
      gid: 0,
    })),
    // Real directories, also where the image has a link in the place of one.
    ...['proc', 'sys', 'dev'].filter((path) => !hasRealDirectory(images, path)).map(directory),
  ]
}

/** Where `path` really is in the topmost image that has it as a directory; itself when none has. */
function realPathIn(images: readonly Fd[], path: string): string {
  for (const image of images) {
    const fd = openDirectory(image, path)
    if (fd === undefined) continue
    try {
      const real = posix.relative(pathOf(image), pathOf(fd))
      // A link to the root itself, or to a place of ours, is covered by a directory instead.
      const isOwn = real === '' || /^(proc|sys|dev)(\/|$)/.test(real)
      return isOwn ? path : real
    } finally {
      close(fd)
    }
  }
  return path
}

/** `usr/etc` → `usr`, `usr/etc`. */
function withParents(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** Whether the merged tree has a directory at the name `name` of the root without our help. */
function hasRealDirectory(images: readonly Fd[], name: string): boolean {
  for (const image of images) {
    const fd = openDirectory(image, name, O.NOFOLLOW)
    if (fd !== undefined) {
      close(fd)
      return true
    }
    if (exists(image, name)) return false
  }
  return false
}

function exists(image: Fd, name: string): boolean {
  try {
    close(openIn(image, name, { flags: O.PATH | O.NOFOLLOW }))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

function attributesIn(images: readonly Fd[], path: string): Pick<Place, 'mode' | 'uid' | 'gid'> {
  for (const image of images) {
    const fd = openDirectory(image, path)
    if (fd === undefined) continue
    try {
      const { mode, uid, gid } = statFd(fd)
      return { mode, uid, gid }
    } finally {
      close(fd)
    }
  }
  return { mode: 0o755, uid: 0, gid: 0 }
}

function openDirectory(image: Fd, path: string, flags = 0): Fd | undefined {
  try {
    return openIn(image, path, { flags: O.PATH | O.DIRECTORY | flags })
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

function pathOf(fd: Fd): string {
  return readlinkSync(`/proc/self/fd/${fd}`)
}
