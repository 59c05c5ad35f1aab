/** The layer between image and container: our /etc files and the places that mounts need. */

import { mkdirSync, readlinkSync, rmSync } from 'node:fs'
import { posix } from 'node:path'
import { KernelError } from '../../errors.ts'
import {
  close,
  type Fd,
  makeDirectoryIn,
  makeFileIn,
  O,
  openIn,
  openPath,
  statFd,
} from '../../linux/index.ts'

export interface InitLayer {
  /** Made anew: nothing of an earlier attempt stays. */
  readonly directory: string
  /** Lower directories of the image, topmost first. */
  readonly lowers: readonly string[]
  readonly hostname: string
  /** Texts: see `hostsText` and `resolvText`. */
  readonly hosts: string
  readonly resolvConf: string
}

/**
 * Builds the layer. Its directories have the owner and mode of those of the image, which they cover in
 * the merged tree. Nothing is written through the image's own links: /etc is looked up inside it.
 */
export function buildInitLayer(layer: InitLayer): void {
  rmSync(layer.directory, { recursive: true, force: true })
  mkdirSync(layer.directory, { recursive: true, mode: 0o755 })
  const images = layer.lowers.map((lower) => openPath(lower, O.DIRECTORY))
  const root = openPath(layer.directory, O.DIRECTORY)
  try {
    const etc = realPathIn(images, 'etc')
    makeLike(root, images, etc)
    const files = {
      hosts: layer.hosts,
      hostname: `${layer.hostname}\n`,
      'resolv.conf': layer.resolvConf,
    }
    for (const [name, content] of Object.entries(files)) {
      makeFileIn(root, posix.join(etc, name), { mode: 0o644, content })
    }
    // Real directories, also where the image has a link in the place of one.
    for (const name of ['proc', 'sys', 'dev']) makeLike(root, images, name)
  } finally {
    for (const fd of [root, ...images]) close(fd)
  }
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

/** Makes `path` and its parents, each like the image's directory of that name. */
function makeLike(root: Fd, images: readonly Fd[], path: string): void {
  const parts = path.split('/')
  for (const index of parts.keys()) {
    const part = parts.slice(0, index + 1).join('/')
    makeDirectoryIn(root, part, attributesIn(images, part))
  }
}

function attributesIn(images: readonly Fd[], path: string) {
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

function openDirectory(image: Fd, path: string): Fd | undefined {
  try {
    return openIn(image, path, { flags: O.PATH | O.DIRECTORY })
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

function pathOf(fd: Fd): string {
  return readlinkSync(`/proc/self/fd/${fd}`)
}
