/** Writes the entries of an archive into the root of a stage; every path is resolved inside it. */

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { posix } from 'node:path'
import type { SparsePart, TarEntry, TarHandler } from '../../image/index.ts'
import { close, type Fd, makeFifo, makeNodeIn, writeXattrFd } from '../../linux/index.ts'
import type { Word } from '../dockerfile/words.ts'
import type { ModeChange } from './mode.ts'
import type { Ids } from './owner.ts'

export interface UnpackOptions {
  /** Root of the stage. */
  readonly root: Fd
  /** Where the archive goes: absolute. */
  readonly path: string
  /** Instead of the archive's own. */
  readonly owner: Ids | undefined
  readonly mode: ModeChange | undefined
  /** The archive as it is written, for its place in messages. */
  readonly word: Word
  /** Makes a directory of the stage, links followed inside it; the caller closes it. */
  readonly openDirectory: (path: string) => Fd
}

/** What a program may do beside its owner's rights: part of the file. @see capabilities(7) */
const CAPABILITY = 'security.capability'

/** Throws RangeError for entries that cannot be meant. */
export class Unpacker implements TarHandler {
  readonly #options: UnpackOptions
  /** Times of directories, which what is made in them changes. */
  readonly #times: { readonly path: string; readonly seconds: number }[] = []
  #file: { readonly fd: number; readonly entry: TarEntry; written: number } | undefined

  constructor(options: UnpackOptions) {
    this.#options = options
  }

  entry(entry: TarEntry): void {
    const path = this.#pathOf(entry.name)
    if (entry.kind === 'directory') {
      this.#inside(path, (directory) => this.#attributes(entry, `${directory}/.`))
      this.#times.push({ path, seconds: entry.seconds })
      return
    }
    if (path === this.#options.path) throw new RangeError('an entry has no name')
    this.#inside(posix.dirname(path), (directory) => {
      const place = `${directory}/${posix.basename(path)}`
      const existing = lstatSync(place, { throwIfNoEntry: false })
      if (existing?.isDirectory() === true) throw new RangeError(`"${path}" is a directory already`)
      if (existing) unlinkSync(place)
      this.#make(entry, place, directory)
    })
  }

  data(chunk: Buffer): void {
    const file = this.#file
    if (file === undefined) return
    let at = 0
    while (at < chunk.length) {
      const { offset, left } = placeOf(file.written, file.entry.sparse)
      const bytes = Math.min(left, chunk.length - at)
      const done = writeSync(file.fd, chunk, at, bytes, offset)
      file.written += done
      at += done
    }
  }

  entryEnd(): void {
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (file.entry.sparse) ftruncateSync(file.fd, file.entry.size)
    const place = `/proc/self/fd/${file.fd}`
    // Through the descriptor, whatever became of the name.
    this.#attributes(file.entry, place, true)
    const capability = file.entry.xattrs.get(CAPABILITY)
    if (capability) writeXattrFd(file.fd, CAPABILITY, capability)
    closeSync(file.fd)
  }

  /** When everything has come. */
  finish(): void {
    for (const { path, seconds } of this.#times.toReversed()) {
      this.#inside(path, (directory) => lutimesSync(`${directory}/.`, seconds, seconds))
    }
  }

  close(): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = undefined
  }

  #make(entry: TarEntry, place: string, directory: string): void {
    switch (entry.kind) {
      case 'file': {
        const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY
        this.#file = { fd: openSync(place, flags, 0o600), entry, written: 0 }
        return
      }
      case 'hardlink': {
        const target = this.#pathOf(entry.link)
        this.#inside(posix.dirname(target), (from) =>
          linkSync(`${from}/${posix.basename(target)}`, place),
        )
        return
      }
      case 'symlink':
        symlinkSync(entry.link, place)
        break
      case 'fifo':
        makeFifo(place)
        break
      case 'character':
      case 'block': {
        const { kind: type, major, minor } = entry
        const fd = Number(directory.slice('/proc/self/fd/'.length))
        makeNodeIn(fd, posix.basename(place), { type, major, minor, mode: 0o600 })
        break
      }
      case 'directory':
        return
    }
    this.#attributes(entry, place)
  }

  #attributes(entry: TarEntry, place: string, isFile = false): void {
    const { owner, mode } = this.#options
    const { uid, gid } = owner ?? entry
    const isLink = entry.kind === 'symlink'
    // A descriptor's name in /proc is a link to the file.
    if (isFile) chownSync(place, uid, gid)
    else lchownSync(place, uid, gid)
    if (!isLink) chmodSync(place, mode?.(entry.mode, entry.kind === 'directory') ?? entry.mode)
    if (isFile) utimesSync(place, entry.seconds, entry.seconds)
    else if (entry.kind !== 'directory') lutimesSync(place, entry.seconds, entry.seconds)
  }

  #inside(path: string, work: (directory: string) => void): void {
    const fd = this.#options.openDirectory(path)
    try {
      work(`/proc/self/fd/${fd}`)
    } finally {
      close(fd)
    }
  }

  /** `..` would only lead to the root of the stage; it is refused all the same. */
  #pathOf(name: Buffer): string {
    const text = name.toString('utf8')
    if (text.includes('\uFFFD')) throw new RangeError(`the name "${text}" is not UTF-8`)
    const parts = text.split('/')
    if (parts.includes('..')) throw new RangeError(`the name "${text}" leads out of it`)
    return posix.join(this.#options.path, ...parts).replace(/(?<=.)\/$/, '')
  }
}

/** Where the next byte of a file belongs, and how many follow it there. */
function placeOf(
  written: number,
  parts: readonly SparsePart[] | undefined,
): { readonly offset: number; readonly left: number } {
  if (parts === undefined) return { offset: written, left: Infinity }
  let before = 0
  for (const { offset, length } of parts) {
    if (written < before + length) {
      return { offset: offset + written - before, left: before + length - written }
    }
    before += length
  }
  throw new RangeError('a file has more bytes than its map says')
}
