/** Finds and makes the directories of a layer, whatever links the layer itself holds. */

import { readlinkSync } from 'node:fs'
import { isErrno } from '../../errors.ts'
import { SYMLINKS_MAX } from '../../limits.ts'
import {
  chmodAt,
  close,
  type Fd,
  makeDirectoryAt,
  O,
  openAt,
  openIn,
  openPath,
  statFd,
  unlinkAt,
  writeXattr,
} from '../../linux/index.ts'
import { pathOf, type Part, shown } from './entry-path.ts'
import { OPAQUE_XATTR } from './whiteout.ts'

/** Archives go through a directory at a time; a few more stay open for links across. */
const OPEN_DIRECTORIES_MAX = 32

const DIRECTORY = O.PATH | O.DIRECTORY

/** A directory that was made only because something below it was. */
const IMPLICIT_MODE = 0o755

export class Parents {
  readonly #root: Fd
  /** Open directories by the path that entries use for them, the one used last at the end. */
  readonly #open = new Map<string, Fd>()
  readonly #doomed: Fd[] = []

  constructor(root: Fd) {
    this.#root = root
  }

  /** The directory `parts`, made with all above it when `make`; it belongs to this object. */
  directory(parts: readonly Part[], { make }: { readonly make: boolean }): Fd {
    if (parts.length === 0) return this.#root
    for (const fd of this.#doomed.splice(0)) close(fd)
    const path = pathOf(parts)
    const known = this.#open.get(path)
    if (known !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, known)
      return known
    }
    const fd = this.#find(parts, make)
    this.#open.set(path, fd)
    const [oldest] = this.#open.keys()
    if (this.#open.size > OPEN_DIRECTORIES_MAX && oldest !== undefined) {
      this.#doomed.push(this.#open.get(oldest) ?? fd)
      this.#open.delete(oldest)
    }
    return fd
  }

  /**
   * A name was removed: what paths mean has to be found again. Descriptors that were handed out
   * stay open until the next one is asked for.
   */
  forget(): void {
    this.#doomed.push(...this.#open.values())
    this.#open.clear()
  }

  close(): void {
    this.forget()
    for (const fd of this.#doomed.splice(0)) close(fd)
  }

  #find(parts: readonly Part[], make: boolean): Fd {
    try {
      return openIn(this.#root, Buffer.concat(withSlashes(parts)), { flags: DIRECTORY })
    } catch (error) {
      // A whiteout is no directory either, and may become one.
      const isNone = isErrno(error, 'ENOTDIR')
      if (!make || !(isNone || isMissing(error))) throw error
    }
    return this.#make(parts)
  }

  /** Component by component, links taken from the root; a link to nowhere is filled in inside. */
  #make(parts: readonly Part[]): Fd {
    let rest = [...parts]
    const here: { readonly fd: Fd }[] = [{ fd: openPath(`/proc/self/fd/${this.#root}`, DIRECTORY) }]
    try {
      for (let links = 0; rest.length > 0;) {
        const [name = Buffer.alloc(0), ...later] = rest
        const parent = here.at(-1)?.fd ?? this.#root
        rest = later
        const found = openOrMake(parent, name)
        if (typeof found === 'number') {
          here.push({ fd: found })
          continue
        }
        links += 1
        if (links > SYMLINKS_MAX) throw new RangeError(`links lead in a circle at "${shown(name)}"`)
        rest = this.#follow(here, found, rest)
      }
      return here.pop()?.fd ?? this.#root
    } finally {
      for (const { fd } of here) close(fd)
    }
  }

  /** `here` becomes where the link `target` begins; what is left to walk comes back. */
  #follow(here: { readonly fd: Fd }[], target: Buffer, rest: Part[]): Part[] {
    const isAbsolute = target[0] === 0x2f
    if (isAbsolute) for (const { fd } of here.splice(1)) close(fd)
    const parts: Part[] = []
    for (const part of target.toString('latin1').split('/')) {
      if (part === '' || part === '.') continue
      if (part !== '..') parts.push(Buffer.from(part, 'latin1'))
      else if (parts.length > 0) parts.pop()
      else if (here.length > 1) close(here.pop()?.fd ?? -1)
    }
    return [...parts, ...rest]
  }
}

/** The open directory, or what the link there says. */
function openOrMake(parent: Fd, name: Part): Fd | Buffer {
  try {
    makeDirectoryAt(parent, name, IMPLICIT_MODE)
    chmodAt(parent, name, IMPLICIT_MODE)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
  const fd = openAt(parent, name, O.PATH)
  const { kind, major, minor } = statFd(fd)
  if (kind === 'directory') return fd
  close(fd)
  if (kind === 'link') return readLinkAt(parent, name)
  if (kind === 'character' && major === 0 && minor === 0) return replaceWhiteout(parent, name)
  throw new RangeError(`"${shown(name)}" is a file, and something lies below it`)
}

/** Removed below, and made anew in this layer: nothing of the lower one may shine through. */
function replaceWhiteout(parent: Fd, name: Part): Fd {
  unlinkAt(parent, name)
  makeDirectoryAt(parent, name, IMPLICIT_MODE)
  chmodAt(parent, name, IMPLICIT_MODE)
  writeXattr(pathAt(parent, name), OPAQUE_XATTR, Buffer.from('y'))
  return openAt(parent, name, DIRECTORY)
}

/** A path of the host for the name in an open directory; the directory itself is not looked up. */
export function pathAt(parent: Fd, name: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${parent}/`), name])
}

function readLinkAt(parent: Fd, name: Part): Buffer {
  return readlinkSync(pathAt(parent, name), { encoding: 'buffer' })
}

function withSlashes(parts: readonly Part[]): readonly Buffer[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [SLASH, part]))
}

const SLASH = Buffer.from('/')

export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT')
}
