/** Writes an archive into a directory of a tree that others may change meanwhile. */

import { fchmodSync, fchownSync } from 'node:fs'
import { KernelError, UsageError, isErrno } from '../../errors.ts'
import { partsOf, type TarEntry, type TarHandler } from '../../image/index.ts'
import {
  chmodAt,
  chownAt,
  close,
  type Fd,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  O,
  openAt,
  setTimesAt,
  setTimesFd,
  statFd,
  symlinkAt,
  unlinkAt,
  writeXattrFd,
} from '../../linux/index.ts'
import { Directories } from './directories.ts'
import { isMissing } from './missing.ts'
import { NewFile } from './new-file.ts'
import { asItsRoot, idOutside } from './owners.ts'
import type { CopyPlace } from './place.ts'
import { isOfKernel, ofKernel, type Tree } from './tree.ts'

export interface UnpackOptions {
  /** Owners, setuid bits and attributes as in the archive; else they are the writer's own. */
  readonly archive: boolean
  /** Links on the way to a name are followed, inside the tree; else they are errors. */
  readonly followsLinks: boolean
}

/** Takes the entries of an archive one by one; closes everything by `close`. */
export class Unpacker implements TarHandler {
  readonly #tree: Tree
  readonly #place: CopyPlace
  readonly #options: UnpackOptions
  readonly #directories: Directories
  #file: NewFile | undefined

  /** @throws {UsageError} for a place on a file system of the kernel */
  constructor(tree: Tree, place: CopyPlace, options: UnpackOptions) {
    this.#tree = tree
    this.#place = place
    this.#options = options
    this.#directories = new Directories(tree, place.directory, options)
  }

  entry(entry: TarEntry): void {
    asItsRoot(this.#tree.users, () => this.#begin(entry))
  }

  #begin(entry: TarEntry): void {
    const parts = this.#placed(partsOf(entry.name))
    const name = parts.at(-1)
    // The directory that is copied into is there already, and stays as it is.
    if (name === undefined) return
    const parent = this.#directories.open(parts.slice(0, -1))
    if (isOfKernel(parent)) throw ofKernel(this.#tree, this.#shown(parts))
    this.#make(entry, { parent, name, parts })
  }

  data(chunk: Buffer): void {
    this.#file?.write(chunk)
  }

  entryEnd(): void {
    const file = this.#file
    this.#file = undefined
    asItsRoot(this.#tree.users, () => file?.finish())
  }

  /** Everything has come: times of directories, which each new name in them has changed. */
  finish(): void {
    this.#directories.setTimes()
  }

  /** Also after a failure. */
  close(): void {
    this.#file?.abandon()
    this.#file = undefined
    this.#directories.close()
  }

  #placed(parts: readonly Buffer[]): readonly Buffer[] {
    const { name, stripped } = this.#place
    const rest = parts.slice(stripped)
    return name === undefined ? rest : [Buffer.from(name), ...rest]
  }

  #make(entry: TarEntry, at: At): void {
    switch (entry.kind) {
      case 'file':
        this.#file = this.#newFile(entry, at)
        return
      case 'directory':
        return this.#makeDirectory(entry, at)
      case 'symlink':
        this.#replacing(at, () => symlinkAt(at.parent, at.name, entry.link))
        return this.#applyToName(entry, at)
      case 'hardlink':
        return this.#makeHardLink(entry, at)
      case 'fifo': {
        const node = { kind: 'fifo', mode: 0o600, major: 0, minor: 0 } as const
        this.#replacing(at, () => makeNodeAt(at.parent, at.name, node))
        return this.#applyToName(entry, at)
      }
      // Device nodes belong to the machine that made the archive.
      case 'character':
      case 'block':
    }
  }

  #newFile(entry: TarEntry, at: At): NewFile {
    const fd = this.#openFile(at)
    return new NewFile(fd, entry, () => this.#apply(fd, entry))
  }

  /** A new file always, so that nothing is written to what another process has open. */
  #openFile(at: At): Fd {
    const flags = O.WRONLY | O.CREAT | O.EXCL
    try {
      return this.#replacing(at, () => openAt(at.parent, at.name, flags, 0o600))
    } catch (error) {
      // A file that is mounted by itself cannot be replaced, only written to.
      if (!isErrno(error, 'EBUSY')) throw error
    }
    const fd = openAt(at.parent, at.name, O.WRONLY | O.NONBLOCK | O.NOCTTY | O.TRUNC)
    if (statFd(fd).kind === 'file') return fd
    close(fd)
    throw this.#inTheWay(at, 'it is no file')
  }

  #makeDirectory(entry: TarEntry, at: At): void {
    if (!this.#makeName(at)) {
      this.#directories.check(at.parts)
      if (!this.#options.archive) return
    }
    const fd = openAt(at.parent, at.name, O.RDONLY | O.DIRECTORY)
    try {
      this.#apply(fd, entry)
    } finally {
      close(fd)
    }
    this.#directories.keepTime(at.parts, entry)
  }

  /** False when there is something of that name already. */
  #makeName({ parent, name }: At): boolean {
    try {
      makeDirectoryAt(parent, name, 0o700)
      return true
    } catch (error) {
      if (isPresent(error)) return false
      throw error
    }
  }

  /** Its target is a name of the same archive. */
  #makeHardLink(entry: TarEntry, at: At): void {
    const target = this.#placed(partsOf(entry.link))
    const name = target.at(-1)
    if (name === undefined) throw this.#inTheWay(at, 'as a hard link it leads to a directory')
    const fd = this.#directories.open(target.slice(0, -1))
    // Asked for again: the directories that are kept open are few.
    const parent = this.#directories.open(at.parts.slice(0, -1))
    this.#replacing({ ...at, parent }, () => linkAt({ fd, name }, { fd: parent, name: at.name }))
  }

  /** What has the name already is removed first, unless it is a directory. */
  #replacing<T>(at: At, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (!isPresent(error)) throw error
    }
    try {
      unlinkAt(at.parent, at.name)
    } catch (error) {
      if (isErrno(error, 'EISDIR')) {
        throw this.#inTheWay(at, 'a directory is in its place')
      }
      if (!isMissing(error)) throw error
    }
    return make()
  }

  /** The owner first: it takes setuid bits away. */
  #apply(fd: Fd, entry: TarEntry): void {
    const { archive } = this.#options
    if (archive) {
      const { uid, gid } = this.#ownerOf(entry)
      fchownSync(fd, uid, gid)
    }
    if (archive) for (const [key, value] of entry.xattrs) keepXattr(fd, key, value)
    // A setuid program that changes its owner on the way would be another one's.
    fchmodSync(fd, archive ? entry.mode : entry.mode & 0o777)
    setTimesFd(fd, entry)
  }

  #applyToName(entry: TarEntry, { parent, name }: At): void {
    if (this.#options.archive) chownAt(parent, name, this.#ownerOf(entry))
    if (entry.kind === 'fifo') chmodAt(parent, name, entry.mode & 0o777)
    setTimesAt(parent, name, entry)
  }

  #ownerOf({ uid, gid }: TarEntry): { readonly uid: number; readonly gid: number } {
    const { users } = this.#tree
    return { uid: idOutside(uid, users), gid: idOutside(gid, users) }
  }

  #inTheWay({ parts }: At, why: string): UsageError {
    return new UsageError(`Cannot copy to "${this.#shown(parts)}": ${why}`, {
      code: 'ACTION_FAILED',
      hint: 'remove it first, or copy to another place',
    })
  }

  #shown(parts: readonly Buffer[]): string {
    const { label } = this.#tree
    const directory = this.#place.directory.replace(/\/+$/, '')
    return `${label}${directory}/${parts.map(String).join('/')}`
  }
}

interface At {
  readonly parent: Fd
  readonly name: Buffer
  readonly parts: readonly Buffer[]
}

/** What a file system cannot keep is lost, as with `cp -a`. */
function keepXattr(fd: Fd, key: string, value: Buffer): void {
  try {
    writeXattrFd(fd, key, value)
  } catch (error) {
    const isRefused = error instanceof KernelError && REFUSED.has(error.errnoName)
    if (!isRefused) throw error
  }
}

const REFUSED: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'EPERM'])

function isPresent(error: unknown): boolean {
  return isErrno(error, 'EEXIST')
}
