/** Writes copied files into the root of a stage; every path is resolved inside it. */

import {
  chmodSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { isErrno } from '../../errors.ts'
import { SYMLINKS_MAX } from '../../limits.ts'
import {
  close,
  copyFileWithHoles,
  type Fd,
  makeDirectoryIn,
  makeFifo,
  makeNodeIn,
  O,
  openIn,
  readXattrs,
  statFd,
  writeXattr,
} from '../../linux/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import { type Archive, unpackArchive } from './archive.ts'
import type { ModeChange } from './mode.ts'
import { type Ids, ROOT } from './owner.ts'
import type { CopyJob } from './select.ts'
import { absolute, type FileTree, Pace, type TreeEntry } from './tree.ts'

/** What COPY says of the files it makes. */
export interface CopyOptions {
  /** The target as it is written, for its place in messages. */
  readonly word: Word
  /** Absolute; a slash at its end makes it a directory. */
  readonly path: string
  readonly owner: Ids | undefined
  readonly mode: ModeChange | undefined
  /** Seconds since the epoch for what has no time of its own. */
  readonly now: number
}

/** Larger files are copied beside other work. */
const SMALL_BYTES_MAX = 256 * 1024

/** The writable root of one step. */
export class CopyTarget {
  readonly #root: Fd
  readonly #options: CopyOptions
  readonly #pace = new Pace()
  /** First copy of each file that has several names. */
  readonly #linked = new Map<string, string>()
  /** Of what is being written, for messages. */
  #directory = '/'

  constructor(root: Fd, options: CopyOptions) {
    this.#root = root
    this.#options = options
  }

  /** @throws {Problem} where a file stands in the way of a directory, or the other way round. */
  async copy(job: CopyJob): Promise<void> {
    switch (job.kind) {
      case 'directory':
        return this.#inside(this.#options.path, (directory) => this.#copyTree(job, directory))
      case 'file':
        return this.#atFile(job.name, (place) => this.#copyOne(job.tree, job.entry, place))
      case 'archive':
        return this.#unpack(job.archive)
      case 'text':
        return this.#atFile(job.name, (place) => this.#write(job.text, place))
    }
  }

  #unpack(archive: Archive): Promise<void> {
    const { path, owner, mode, word } = this.#options
    const openDirectory = (directory: string): Fd => this.openDirectory(directory)
    return unpackArchive(archive, { root: this.#root, path, owner, mode, word, openDirectory })
  }

  /** `work` gets a path that leads through no link. */
  async #inside(path: string, work: (directory: string) => Promise<void>): Promise<void> {
    const fd = this.openDirectory(path)
    this.#directory = path
    try {
      await work(`/proc/self/fd/${fd}`)
    } finally {
      close(fd)
    }
  }

  /** The target itself, or `name` in it when it is a directory. */
  #atFile(name: string, work: (place: string) => Promise<void> | void): Promise<void> {
    const { path } = this.#options
    const isDirectory = path.endsWith('/') || kindAt(this.#root, path) === 'directory'
    const full = isDirectory ? posix.join(path, name) : this.#followed(path)
    return this.#inside(posix.dirname(full), async (directory) =>
      work(`${directory}/${posix.basename(full)}`),
    )
  }

  /** A link at the target is followed, in the root, when it leads to a file. */
  #followed(path: string): string {
    if (kindAt(this.#root, path) !== 'file') return path
    const fd = openIn(this.#root, path)
    try {
      const root = readlinkSync(`/proc/self/fd/${this.#root}`)
      return posix.join('/', posix.relative(root, readlinkSync(`/proc/self/fd/${fd}`)))
    } finally {
      close(fd)
    }
  }

  /** Makes what is missing on the way. The caller closes the descriptor. */
  openDirectory(path: string): Fd {
    const parts = realParts(this.#root, path, this.#options.word)
    const { owner, mode, now } = this.#options
    const made = { mode: mode?.(0o755, true) ?? 0o755, ...(owner ?? ROOT) }
    for (const index of parts.keys()) {
      const prefix = parts.slice(0, index + 1).join('/')
      const kind = kindAt(this.#root, prefix)
      if (kind === 'directory') continue
      if (kind !== undefined) throw this.#inTheWay(`/${prefix}`, 'it is not a directory')
      makeDirectoryIn(this.#root, prefix, made)
      const fd = openIn(this.#root, prefix, { flags: O.PATH | O.DIRECTORY })
      lutimesSync(`/proc/self/fd/${fd}/.`, now, now)
      close(fd)
    }
    return openIn(this.#root, parts.join('/'), { flags: O.PATH | O.DIRECTORY })
  }

  async #copyTree(
    { tree, entries }: Extract<CopyJob, { kind: 'directory' }>,
    directory: string,
  ): Promise<void> {
    const directories: { readonly place: string; readonly stats: Stats }[] = []
    for (const entry of entries) {
      const place = `${directory}/${entry.to}`
      await this.#copyOne(tree, entry, place)
      if (entry.stats.isDirectory()) directories.push({ place, stats: entry.stats })
    }
    // What is made in a directory changes its time.
    for (const { place, stats } of directories.toReversed()) setTimes(place, stats)
  }

  async #copyOne(tree: FileTree, entry: TreeEntry, place: string): Promise<void> {
    if (this.#pace.isDue) await this.#pace.rest()
    const { stats } = entry
    const existing = lstatSync(place, { throwIfNoEntry: false })
    if (stats.isDirectory()) {
      if (existing && !existing.isDirectory()) throw this.#inTheWay(place, 'a file is there')
      if (!existing) mkdirSync(place)
      this.#attributes(tree, entry, place)
      return
    }
    if (existing?.isDirectory() === true) {
      throw this.#inTheWay(place, 'a directory of that name is there')
    }
    if (existing) unlinkSync(place)
    if (this.#linkAgain(tree, stats, place)) return
    await makeCopy(tree, entry, place)
    this.#attributes(tree, entry, place)
    setTimes(place, stats)
  }

  /** A second name of a file that was copied before. */
  #linkAgain(tree: FileTree, { dev, ino, nlink }: Stats, place: string): boolean {
    if (nlink < 2 || !tree.keepsOwners) return false
    const key = `${tree.fd}:${dev}:${ino}`
    const first = this.#linked.get(key)
    if (first !== undefined) linkSync(first, place)
    else this.#linked.set(key, place)
    return first !== undefined
  }

  #write(text: string, place: string): void {
    const { owner, mode, now } = this.#options
    rmSync(place, { force: true })
    writeFileSync(place, text, { flag: 'wx' })
    const { uid, gid } = owner ?? ROOT
    lchownSync(place, uid, gid)
    chmodSync(place, mode?.(0o644, false) ?? 0o644)
    lutimesSync(place, now, now)
  }

  #attributes(tree: FileTree, { path, stats }: TreeEntry, place: string): void {
    const { owner, mode } = this.#options
    const own = tree.keepsOwners ? stats : ROOT
    const { uid, gid } = owner ?? own
    // First the owner: chown(2) takes setuid and setgid away, and capabilities too.
    lchownSync(place, uid, gid)
    if (!stats.isSymbolicLink()) {
      const bits = stats.mode & 0o7777
      chmodSync(place, mode?.(bits, stats.isDirectory()) ?? bits)
    }
    if (tree.keepsOwners) copyXattrs(absolute(tree, path), place)
  }

  #inTheWay(place: string, why: string): Problem {
    const isInside = place.startsWith('/proc/self/fd/')
    const path = isInside ? posix.join(this.#directory, inside(place)) : place
    return new Problem(`Cannot copy to "${path}": ${why}`, {
      span: this.#options.word,
      hint: 'choose another target, or remove what is there in a RUN before',
    })
  }
}

async function makeCopy(tree: FileTree, { path, stats }: TreeEntry, place: string): Promise<void> {
  const source = absolute(tree, path)
  if (stats.isSymbolicLink()) return symlinkSync(readlinkSync(source), place)
  if (stats.isFile()) {
    const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE
    const isWhole = stats.blocks * 512 >= stats.size
    if (stats.size > SMALL_BYTES_MAX && isWhole) return copyFile(source, place, flags)
    return copyFileWithHoles(source, place)
  }
  if (stats.isFIFO()) return makeFifo(place)
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return makeDevice(tree, path, place)
  throw new Problem(`Cannot copy "${path}" of ${tree.what}: it is a socket`, {
    hint: 'leave it out with .dockerignore or --exclude',
  })
}

function makeDevice(tree: FileTree, path: string, place: string): void {
  const source = openIn(tree.fd, path, { flags: O.PATH | O.NOFOLLOW })
  try {
    const { kind, major, minor } = statFd(source)
    const directory = openIn(Number(/fd\/(\d+)/.exec(place)?.[1]), posix.dirname(inside(place)))
    try {
      const type = kind === 'block' ? 'block' : 'character'
      makeNodeIn(directory, posix.basename(place), { type, major, minor, mode: 0o600 })
    } finally {
      close(directory)
    }
  } finally {
    close(source)
  }
}

function inside(place: string): string {
  return place.replace(/^\/proc\/self\/fd\/\d+\//, '')
}

/** Attributes of overlayfs are its own. */
function copyXattrs(source: string, place: string): void {
  for (const [name, value] of readXattrs(source)) {
    if (!/^(trusted|user)\.overlay\./.test(name)) writeXattr(place, name, value)
  }
}

/** Whole seconds, as a layer has them. */
function setTimes(place: string, { mtimeMs }: Stats): void {
  const seconds = Math.floor(mtimeMs / 1000)
  lutimesSync(place, seconds, seconds)
}

/** `path` without links: those of the image are followed inside it, also where nothing is yet. */
function realParts(root: Fd, path: string, word: Word): readonly string[] {
  const left = path.split('/').filter(Boolean)
  const real: string[] = []
  for (let links = 0; left.length > 0;) {
    const part = left.shift() ?? ''
    if (part === '.') continue
    if (part === '..') {
      real.pop()
      continue
    }
    const place = ['/proc/self/fd', root, ...real, part].join('/')
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
      real.push(part)
      continue
    }
    links += 1
    if (links > SYMLINKS_MAX) {
      throw new Problem(`Cannot copy to "${path}": links of the image lead in a circle`, {
        span: word,
      })
    }
    const target = readlinkSync(place)
    if (target.startsWith('/')) real.length = 0
    left.unshift(...target.split('/').filter(Boolean))
  }
  return real
}

function kindAt(root: Fd, path: string): string | undefined {
  try {
    const fd = openIn(root, path)
    try {
      return statFd(fd).kind
    } finally {
      close(fd)
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}
