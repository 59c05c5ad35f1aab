/** The directories that a copy writes to, found anew by their names and made where they lack. */

import { KernelError, UsageError, isErrno } from '../../errors.ts'
import {
  close,
  type Fd,
  type FileTime,
  makeDirectoryAt,
  O,
  openIn,
  setTimesFd,
} from '../../linux/index.ts'
import { isMissing } from './missing.ts'
import { openInTree, type Tree } from './tree.ts'

/** Archives go through a directory at a time; a hard link leads to another. */
const OPEN_MAX = 2

/** Of one that was made only because something below it was. */
const IMPLICIT_MODE = 0o755

type Parts = readonly Buffer[]

export class Directories {
  readonly #tree: Tree
  readonly #base: string
  readonly #baseFd: Fd
  readonly #followsLinks: boolean
  readonly #open = new Map<string, Fd>()
  readonly #times = new Map<string, { readonly parts: Parts; readonly time: FileTime }>()

  /** `base`: a directory of the tree. */
  constructor(tree: Tree, base: string, { followsLinks }: { readonly followsLinks: boolean }) {
    const fd = openInTree(tree, base, { follow: true })
    if (fd === undefined) throw gone(tree, base)
    this.#tree = tree
    this.#base = base
    this.#baseFd = fd
    this.#followsLinks = followsLinks
  }

  /** The directory `parts` below the base, made when it lacks. It belongs to this object. */
  open(parts: Parts): Fd {
    if (parts.length === 0) return this.#baseFd
    const key = keyOf(parts)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const fd = this.#find(parts) ?? this.#make(parts)
    this.#open.set(key, fd)
    const [oldest] = this.#open
    if (this.#open.size > OPEN_MAX && oldest !== undefined) {
      this.#open.delete(oldest[0])
      close(oldest[1])
    }
    return fd
  }

  /** @throws {UsageError} unless there is a directory */
  check(parts: Parts): void {
    const fd = this.#find(parts)
    if (fd === undefined) throw gone(this.#tree, this.#shown(parts))
    close(fd)
  }

  /** What is made in it later changes its time: it is set at the end. */
  keepTime(parts: Parts, { seconds, nanoseconds }: FileTime): void {
    this.#times.set(keyOf(parts), { parts, time: { seconds, nanoseconds } })
  }

  setTimes(): void {
    for (const { parts, time } of this.#times.values()) {
      const fd = this.#find(parts, O.RDONLY)
      if (fd === undefined) continue
      try {
        setTimesFd(fd, time)
      } finally {
        close(fd)
      }
    }
  }

  close(): void {
    for (const fd of this.#open.values()) close(fd)
    this.#open.clear()
    close(this.#baseFd)
  }

  #find(parts: Parts, access: number = O.PATH): Fd | undefined {
    const flags = access | O.DIRECTORY
    const path = Buffer.from(keyOf(parts), 'latin1')
    try {
      if (!this.#followsLinks) return openIn(this.#baseFd, path, { flags, resolve: 'no-symlinks' })
      const whole = Buffer.concat([Buffer.from(`${this.#base}/`), path])
      return openIn(this.#tree.root, whole, { flags })
    } catch (error) {
      if (isMissing(error)) return undefined
      throw this.#explained(error, parts)
    }
  }

  #make(parts: Parts): Fd {
    const parent = this.open(parts.slice(0, -1))
    const name = parts.at(-1) ?? Buffer.from('.')
    try {
      makeDirectoryAt(parent, name, IMPLICIT_MODE)
    } catch (error) {
      // A link that leads nowhere, unless somebody else has just made it.
      if (!isErrno(error, 'EEXIST')) throw error
    }
    const fd = this.#find(parts)
    if (fd === undefined) throw gone(this.#tree, this.#shown(parts))
    return fd
  }

  #explained(error: unknown, parts: Parts): unknown {
    if (!(error instanceof KernelError)) return error
    const why = WHY[error.errnoName]
    if (why === undefined) return error
    const path = `${this.#tree.label}${this.#shown(parts)}`
    const hint = 'remove it first, or copy to another place'
    const code = 'ACTION_FAILED'
    return new UsageError(`Cannot copy to "${path}": ${why}`, { code, hint, cause: error })
  }

  #shown(parts: Parts): string {
    return `${this.#base.replace(/\/+$/, '')}/${parts.map(String).join('/')}`
  }
}

const WHY: Readonly<Record<string, string>> = {
  ELOOP: 'a symbolic link is in its place, or on the way to it',
  ENOTDIR: 'a file is in the place of a directory',
}

/** Bytes as characters: names need not be UTF-8. */
function keyOf(parts: Parts): string {
  return parts.map((part) => part.toString('latin1')).join('/')
}

function gone({ label }: Tree, path: string): UsageError {
  return new UsageError(`Cannot copy to "${label}${path}": there is no such directory`, {
    code: 'ACTION_FAILED',
  })
}
