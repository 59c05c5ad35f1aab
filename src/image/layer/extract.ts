/**
 * Unpacks one layer into a directory that overlayfs takes as a lower one. Every name is resolved
 * inside that directory, which nobody else may write to meanwhile.
 */

import { fchmodSync, fchownSync, ftruncateSync, rmSync, writeSync } from 'node:fs'
import { KernelError, isErrno } from '../../errors.ts'
import { LAYER_ENTRIES_MAX } from '../../limits.ts'
import {
  chmodAt,
  chownAt,
  close,
  type Fd,
  type FileTime,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  O,
  openAt,
  openIn,
  openPath,
  setTimesAt,
  setTimesFd,
  statFd,
  symlinkAt,
  unlinkAt,
  writeXattr,
  writeXattrFd,
} from '../../linux/index.ts'
import type { SparsePart, TarEntry } from '../tar/entry.ts'
import type { TarHandler } from '../tar/reader.ts'
import { isKeptXattr } from './attributes.ts'
import { partsOf, pathOf, type Part, shown } from './entry-path.ts'
import { isMissing, Parents, pathAt } from './parents.ts'
import { type Mark, markOf, OPAQUE_XATTR } from './whiteout.ts'

/** What became of a layer. */
export interface Extracted {
  readonly entries: number
  /** Of files, without holes. */
  readonly bytes: number
  /** Hides everything below it: no lower layer counts. */
  readonly isOpaque: boolean
}

export interface ExtractOptions {
  /** Called with the bytes about to be written, before they are: throws when there is no room. */
  readonly onBytes: (bytes: number) => void
}

/** Writes entries one by one; throws RangeError for hostile ones and KernelError of the machine. */
export class LayerWriter implements TarHandler {
  readonly #root: Fd
  readonly #parents: Parents
  readonly #onBytes: (bytes: number) => void
  /** Times of directories, which every entry made in them changes: set at the end. */
  readonly #times = new Map<string, FileTime>()
  #file: OpenFile | undefined
  #entries = 0
  #bytes = 0
  #isOpaque = false
  #isClosed = false

  constructor(directory: string, { onBytes }: ExtractOptions) {
    this.#root = openPath(directory, O.DIRECTORY)
    this.#parents = new Parents(this.#root)
    this.#onBytes = onBytes
  }

  entry(entry: TarEntry): void {
    this.#entries += 1
    if (this.#entries > LAYER_ENTRIES_MAX) {
      throw new RangeError(`it has more than ${LAYER_ENTRIES_MAX} entries`)
    }
    checkOwner(entry)
    const parts = partsOf(entry.name)
    const name = parts.at(-1)
    if (name === undefined) return this.#applyRoot(entry)
    const mark = markOf(name)
    const above = parts.slice(0, -1)
    checkAbove(above, entry)
    const parent = this.#parents.directory(above, { make: true })
    if (mark) this.#apply(mark, parent, parts)
    else this.#make(entry, { parent, name, parts })
  }

  data(chunk: Buffer): void {
    this.#onBytes(chunk.length)
    this.#bytes += chunk.length
    this.#file?.write(chunk)
  }

  entryEnd(): void {
    const file = this.#file
    this.#file = undefined
    file?.finish()
  }

  /** Everything has come. Closes what is open. */
  finish(): Extracted {
    for (const [path, time] of this.#times) this.#setDirectoryTimes(path, time)
    this.close()
    return { entries: this.#entries, bytes: this.#bytes, isOpaque: this.#isOpaque }
  }

  /** Also after a failure, and more than once. */
  close(): void {
    this.#file?.abandon()
    this.#file = undefined
    if (this.#isClosed) return
    this.#isClosed = true
    this.#parents.close()
    close(this.#root)
  }

  #applyRoot(entry: TarEntry): void {
    if (entry.kind !== 'directory') {
      throw new RangeError(`"${shown(entry.name)}" is the root, and no directory`)
    }
    const fd = openIn(this.#root, '.', { flags: O.RDONLY | O.DIRECTORY })
    try {
      applyAttributes(fd, entry)
    } finally {
      close(fd)
    }
    this.#times.set('', timeOf(entry))
  }

  #apply(mark: Mark, parent: Fd, parts: readonly Part[]): void {
    if (mark.kind === 'ignored') return
    if (mark.kind === 'opaque') {
      if (parts.length === 1) this.#isOpaque = true
      else writeXattr(`/proc/self/fd/${parent}/.`, OPAQUE_XATTR, Buffer.from('y'))
      return
    }
    const { name } = mark
    const present = kindAt(parent, name)
    // What this layer itself has stays: a whiteout is about the layers below.
    if (present === 'directory') {
      writeXattr(pathAt(parent, name), OPAQUE_XATTR, Buffer.from('y'))
    } else if (present === undefined) {
      makeNodeAt(parent, name, { kind: 'character', mode: 0, major: 0, minor: 0 })
    }
  }

  #make(entry: TarEntry, at: Place): void {
    switch (entry.kind) {
      case 'file':
        this.#file = this.#openFile(entry, at)
        return
      case 'directory':
        return this.#makeDirectory(entry, at)
      case 'hardlink':
        return this.#makeHardLink(entry, at)
      case 'symlink':
        if (entry.link.length === 0) throw new RangeError(`link "${shown(at.name)}" leads nowhere`)
        this.#replacing(at, () => symlinkAt(at.parent, at.name, entry.link))
        return applyToName(entry, at)
      case 'character':
      case 'block':
      case 'fifo': {
        const { kind, major, minor } = entry
        this.#replacing(at, () =>
          makeNodeAt(at.parent, at.name, { kind, mode: 0o600, major, minor }),
        )
        return applyToName(entry, at)
      }
    }
  }

  #openFile(entry: TarEntry, at: Place): OpenFile {
    const flags = O.WRONLY | O.CREAT | O.EXCL
    const fd = this.#replacing(at, () => openAt(at.parent, at.name, flags, 0o600))
    return new OpenFile(fd, entry)
  }

  #makeDirectory(entry: TarEntry, at: Place): void {
    let present: Kind | undefined
    try {
      makeDirectoryAt(at.parent, at.name, 0o700)
    } catch (error) {
      if (!isPresent(error)) throw error
      present = kindAt(at.parent, at.name)
      if (present !== 'directory') {
        this.#remove(at)
        makeDirectoryAt(at.parent, at.name, 0o700)
      }
    }
    const fd = openAt(at.parent, at.name, O.RDONLY | O.DIRECTORY)
    try {
      applyAttributes(fd, entry)
      if (present === 'whiteout') writeXattrFd(fd, OPAQUE_XATTR, Buffer.from('y'))
    } finally {
      close(fd)
    }
    this.#times.set(pathOf(at.parts), timeOf(entry))
  }

  /** The target has to be in this layer already; a link to a link is one to the link itself. */
  #makeHardLink(entry: TarEntry, at: Place): void {
    const target = partsOf(entry.link)
    const name = target.at(-1)
    if (name === undefined || pathOf(target) === pathOf(at.parts)) {
      throw new RangeError(`hard link "${shown(entry.name)}" leads to itself or to the root`)
    }
    try {
      const fd = this.#parents.directory(target.slice(0, -1), { make: false })
      const kind = kindAt(fd, name)
      if (kind === undefined || kind === 'directory' || kind === 'whiteout') {
        throw new RangeError(
          `hard link "${shown(entry.name)}" leads to "${shown(entry.link)}", which is no file ` +
            'of this layer',
        )
      }
      this.#replacing(at, () => linkAt({ fd, name }, { fd: at.parent, name: at.name }))
    } catch (error) {
      if (!isMissing(error)) throw error
      throw new RangeError(
        `hard link "${shown(entry.name)}" leads to "${shown(entry.link)}", which is missing`,
      )
    }
  }

  /** Makes what has a name alone; whatever has it already is removed first, never written to. */
  #replacing<T>(at: Place, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (!isPresent(error)) throw error
    }
    this.#remove(at)
    return make()
  }

  #remove({ parent, name, parts }: Place): void {
    if (kindAt(parent, name) === 'directory') {
      const path = pathOf(parts)
      for (const each of this.#times.keys()) {
        if (each === path || each.startsWith(`${path}/`)) this.#times.delete(each)
      }
      rmSync(pathAt(parent, name), { recursive: true })
    } else {
      unlinkAt(parent, name)
    }
    this.#parents.forget()
  }

  #setDirectoryTimes(path: string, time: FileTime): void {
    let fd
    try {
      const flags = O.RDONLY | O.DIRECTORY
      fd = openIn(this.#root, Buffer.from(path, 'latin1'), { flags })
    } catch (error) {
      // A later entry has put something else there.
      if (error instanceof KernelError) return
      throw error
    }
    try {
      setTimesFd(fd, time)
    } finally {
      close(fd)
    }
  }
}

/** What other tools take for a whiteout must not come out as a directory of that name. */
function checkAbove(above: readonly Part[], { name }: TarEntry): void {
  if (above.every((part) => markOf(part) === undefined)) return
  throw new RangeError(`"${shown(name)}" lies below a mark that something is gone`)
}

/** Without the rest of the entry: a layer may have a hundred thousand directories. */
function timeOf({ seconds, nanoseconds }: TarEntry): FileTime {
  return { seconds, nanoseconds }
}

interface Place {
  readonly parent: Fd
  readonly name: Part
  readonly parts: readonly Part[]
}

/** A file whose bytes are coming. */
class OpenFile {
  readonly #fd: Fd
  readonly #entry: TarEntry
  /** Parts between holes that are still to come; none for a file without holes. */
  readonly #parts: SparsePart[]
  #position: number | null = null
  #left = 0

  constructor(fd: Fd, entry: TarEntry) {
    this.#fd = fd
    this.#entry = entry
    this.#parts = [...(entry.sparse ?? [])]
  }

  write(chunk: Buffer): void {
    if (this.#entry.sparse === undefined) return writeAll(this.#fd, chunk, null)
    for (let rest = chunk; rest.length > 0;) {
      while (this.#left === 0) {
        const part = this.#parts.shift()
        if (part === undefined) return
        this.#position = part.offset
        this.#left = part.length
      }
      const bytes = Math.min(this.#left, rest.length)
      writeAll(this.#fd, rest.subarray(0, bytes), this.#position)
      this.#position = (this.#position ?? 0) + bytes
      this.#left -= bytes
      rest = rest.subarray(bytes)
    }
  }

  finish(): void {
    try {
      if (this.#entry.sparse) ftruncateSync(this.#fd, this.#entry.size)
      applyAttributes(this.#fd, this.#entry)
      setTimesFd(this.#fd, this.#entry)
    } finally {
      close(this.#fd)
    }
  }

  abandon(): void {
    close(this.#fd)
  }
}

function writeAll(fd: Fd, bytes: Buffer, position: number | null): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at)
  }
}

/** The owner first, as that takes setuid bits and capabilities away. */
function applyAttributes(fd: Fd, entry: TarEntry): void {
  fchownSync(fd, entry.uid, entry.gid)
  applyXattrs(entry, (key, value) => writeXattrFd(fd, key, value))
  fchmodSync(fd, entry.mode)
}

/** For what cannot be opened: links and nodes. */
function applyToName(entry: TarEntry, { parent, name }: Place): void {
  chownAt(parent, name, entry)
  applyXattrs(entry, (key, value) => writeXattr(pathAt(parent, name), key, value))
  if (entry.kind !== 'symlink') chmodAt(parent, name, entry.mode)
  setTimesAt(parent, name, entry)
}

function applyXattrs(
  { xattrs, name }: TarEntry,
  write: (key: string, value: Buffer) => void,
): void {
  for (const [key, value] of xattrs) {
    if (!isKeptXattr(key)) continue
    try {
      write(key, value)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      // What the file system cannot keep is lost, as with Docker.
      if (error.errnoName === 'EOPNOTSUPP' || error.errnoName === 'EPERM') continue
      throw new RangeError(
        `attribute "${key}" of "${shown(name)}" has ${value.length} bytes and cannot be ` +
          `kept (${error.errnoName})`,
      )
    }
  }
}

function checkOwner({ uid, gid, name }: TarEntry): void {
  if ([uid, gid].every((id) => id >= 0 && id < NO_ID)) return
  throw new RangeError(`the owner of "${shown(name)}" is ${uid}:${gid}`)
}

/** chown(2) takes it for "leave as it is". */
const NO_ID = 0xffffffff

type Kind = 'file' | 'directory' | 'whiteout'

function kindAt(parent: Fd, name: Part): Kind | undefined {
  let fd
  try {
    fd = openAt(parent, name, O.PATH)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    const { kind, major, minor } = statFd(fd)
    if (kind === 'character' && major === 0 && minor === 0) return 'whiteout'
    return kind === 'directory' ? 'directory' : 'file'
  } finally {
    close(fd)
  }
}

function isPresent(error: unknown): boolean {
  return isErrno(error, 'EEXIST')
}
