/** The layer between image and container: our /etc files and the places that mounts need. */

import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, posix } from 'node:path'
import { KernelError } from '../../errors.ts'
import { close, type Fd, O, openIn, openPath, statFd } from '../../linux/index.ts'

export interface InitLayer {
  /** Ours alone; afterwards there is nothing else in it. */
  readonly directory: string
  /** Lower directories of the image, topmost first. */
  readonly lowers: readonly string[]
  readonly hostname: string
  /** Texts: see `hostsText` and `resolvText`. */
  readonly hosts: string
  readonly resolvConf: string
}

/**
 * Builds the layer. Its directories have the owner and mode of those of the image, which they
 * cover in the merged tree. Nothing is written through the image's own links: /etc is looked up
 * inside it. One that is right already stays: taking files away costs more than the whole start.
 */
export function buildInitLayer(layer: InitLayer): void {
  const images = layer.lowers.map((lower) => openPath(lower, O.DIRECTORY))
  try {
    const entries = entriesOf(layer, images)
    if (isBuilt(layer.directory, entries)) return
    rmSync(layer.directory, { recursive: true, force: true })
    mkdirSync(layer.directory, { recursive: true })
    setAttributes(layer.directory, { mode: 0o755, uid: 0, gid: 0 })
    for (const entry of entries) write(layer.directory, entry)
  } finally {
    for (const fd of images) close(fd)
  }
}

interface Attributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** A file has content, a directory none. */
interface Entry extends Attributes {
  readonly path: string
  readonly content?: string
}

/** Parents first. */
function entriesOf(layer: InitLayer, images: readonly Fd[]): readonly Entry[] {
  const etc = realPathIn(images, 'etc')
  const file = (name: string, content: string): Entry => ({
    path: posix.join(etc, name),
    content,
    mode: 0o644,
    uid: 0,
    gid: 0,
  })
  return [
    ...withParents(etc).map((path) => ({ path, ...attributesIn(images, path) })),
    file('hosts', layer.hosts),
    file('hostname', `${layer.hostname}\n`),
    file('resolv.conf', layer.resolvConf),
    // Real directories, also where the image has a link in the place of one.
    ...['proc', 'sys', 'dev']
      .filter((path) => !hasRealDirectory(images, path))
      .map((path) => ({ path, ...attributesIn(images, path) })),
  ]
}

function isBuilt(directory: string, entries: readonly Entry[]): boolean {
  try {
    const found = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    return found.length === entries.length && entries.every((entry) => isThere(directory, entry))
  } catch {
    return false // not there, or half of it
  }
}

/** True when `entry` is as it should be. Throws when it is missing. */
function isThere(directory: string, { path, content, mode, uid, gid }: Entry): boolean {
  const full = join(directory, path)
  const stat = lstatSync(full)
  const isRight = (stat.mode & 0o7777) === mode && stat.uid === uid && stat.gid === gid
  if (content === undefined) return isRight && stat.isDirectory()
  return isRight && stat.isFile() && readFileSync(full, 'utf8') === content
}

function write(directory: string, entry: Entry): void {
  const path = join(directory, entry.path)
  if (entry.content === undefined) mkdirSync(path)
  else writeFileSync(path, entry.content, { flag: 'wx' })
  setAttributes(path, entry)
}

/** Only what is wrong is changed: each change is one for the file system's journal. */
function setAttributes(path: string, { mode, uid, gid }: Attributes): void {
  const stat = lstatSync(path)
  // First the owner: chown(2) takes setuid and setgid away.
  const isOwned = stat.uid === uid && stat.gid === gid
  if (!isOwned) chownSync(path, uid, gid)
  if (!isOwned || (stat.mode & 0o7777) !== mode) chmodSync(path, mode)
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
    if (error instanceof KernelError && error.errnoName === 'ENOENT') return false
    throw error
  }
}

function attributesIn(images: readonly Fd[], path: string): Attributes {
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
