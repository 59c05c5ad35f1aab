/** Copies a directory of an image into a new volume, as `cp -a` does. */

import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  type Stats,
  symlinkSync,
} from 'node:fs'
import { isErrno } from '../../errors.ts'
import { copyFileWithHoles, makeFifo, readXattrs, writeXattr } from '../../linux/index.ts'

/**
 * Copies what is in directory `source` into the existing directory `target`, and gives that the
 * owner, mode, times and attributes of `source`. Symbolic links are copied as they are and never
 * followed, so nothing outside of `source` is read; hard links within it stay links. Devices and
 * sockets are left out. Neither tree may change meanwhile.
 */
export function copyTree(source: string, target: string): void {
  const links = new Map<string, Buffer>()
  copyDirectory({ from: Buffer.from(`${source}/.`), to: Buffer.from(target), links })
}

/** Gives directory `to` the owner, mode, times and attributes of directory `from`. */
export function copyDirectoryAttributes(from: string, to: string): void {
  // The directory itself, also where `from` is a link to it such as /proc/self/fd/N.
  const [source, target] = [Buffer.from(`${from}/.`), Buffer.from(to)]
  copyAttributes(lstatSync(source), { from: source, to: target, links: new Map<string, Buffer>() })
}

/** Paths are bytes: an image may have names that are no UTF-8. */
interface Copy {
  readonly from: Buffer
  readonly to: Buffer
  /** The copy of a file that has several names, by inode. */
  readonly links: Map<string, Buffer>
}

function copyDirectory(copy: Copy): void {
  for (const name of readdirSync(copy.from, { encoding: 'buffer' })) {
    const [from, to] = [join(copy.from, name), join(copy.to, name)]
    copyEntry(lstatSync(from), { from, to, links: copy.links })
  }
  // Last, because every entry that is made changes the times of its directory.
  copyAttributes(lstatSync(copy.from), copy)
}

function copyEntry(stat: Stats, copy: Copy): void {
  if (stat.isDirectory()) {
    mkdirSync(copy.to, { mode: 0o700 })
    copyDirectory(copy)
  } else if (stat.isFile()) {
    copyFile(stat, copy)
  } else if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(copy.from, { encoding: 'buffer' }), copy.to)
    copyAttributes(stat, copy)
  } else if (stat.isFIFO()) {
    makeFifo(copy.to.toString())
    copyAttributes(stat, copy)
  }
}

function copyFile(stat: Stats, copy: Copy): void {
  const inode = `${stat.dev}:${stat.ino}`
  const first = stat.nlink > 1 ? copy.links.get(inode) : undefined
  if (first) {
    linkSync(first, copy.to)
    return
  }
  copyFileWithHoles(copy.from, copy.to)
  copyAttributes(stat, copy)
  if (stat.nlink > 1) copy.links.set(inode, copy.to)
}

/** The owner first, as that takes setuid bits and capabilities away; the times at the end. */
function copyAttributes(stat: Stats, { from, to }: Copy): void {
  lchownSync(to, stat.uid, stat.gid)
  copyXattrs(from, to)
  if (!stat.isSymbolicLink()) chmodSync(to, stat.mode & 0o7777)
  lutimesSync(to, stat.atimeMs / 1000, stat.mtimeMs / 1000)
}

/** Attributes that the volume's file system does not know are lost, as with Docker. */
function copyXattrs(from: Buffer, to: Buffer): void {
  for (const [name, value] of readXattrs(from)) {
    // The overlay's own notes mean nothing outside of it, and must not be forged.
    if (/^(trusted|user)\.overlay\./.test(name)) continue
    try {
      writeXattr(to, name, value)
    } catch (error) {
      const isUnknown = isErrno(error, 'EOPNOTSUPP')
      if (!isUnknown) throw error
    }
  }
}

function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name])
}
