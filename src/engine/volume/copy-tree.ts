/** Copies a directory of an image into a new volume: content, modes, owners, times, links. */

import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  type Stats,
  symlinkSync,
} from 'node:fs'

/**
 * Copies what is in directory `source` into the existing directory `target`, and gives it the mode and
 * owner of `source`. Symbolic links are copied as they are and never followed, so nothing outside of
 * `source` is read. Sockets, FIFOs and devices are left out. The tree must not change meanwhile.
 */
export function copyTree(source: string, target: string): void {
  for (const name of readdirSync(source)) {
    const from = `${source}/${name}`
    copyEntry(lstatSync(from), from, `${target}/${name}`)
  }
  copyAttributes(lstatSync(`${source}/.`), target)
}

function copyEntry(stat: Stats, from: string, to: string): void {
  if (stat.isDirectory()) {
    mkdirSync(to)
    copyTree(from, to)
  } else if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(from), to)
    lchownSync(to, stat.uid, stat.gid)
  } else if (stat.isFile()) {
    copyFileSync(from, to, constants.COPYFILE_FICLONE)
    copyAttributes(stat, to)
  }
}

/** The owner first: changing it takes setuid bits away. */
function copyAttributes(stat: Stats, to: string): void {
  lchownSync(to, stat.uid, stat.gid)
  chmodSync(to, stat.mode & 0o7777)
  lutimesSync(to, stat.atime, stat.mtime)
}
