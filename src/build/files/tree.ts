/** A directory that files are copied from: a context, or the root of a stage. */

import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { posix } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { isErrno } from '../../errors.ts'
import { close, type Fd, openIn } from '../../linux/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { IgnoreRules, Matched } from './ignore.ts'

export interface FileTree {
  /** For messages: `the build context`. */
  readonly what: string
  /** The directory, by O_PATH; what is inside never leads out of it. */
  readonly fd: Fd
  /** What is left out of a context. */
  readonly rules?: IgnoreRules | undefined
  /** Owners and attributes of a stage are kept; in a context everything is root's. */
  readonly keepsOwners: boolean
}

/** `path` is relative to the tree and leads through no link; '' is the tree itself. */
export interface TreeEntry {
  readonly path: string
  readonly stats: Stats
}

/** Where `path` really is; links are followed, inside the tree. `undefined`: there is nothing. */
export function resolveEntry(tree: FileTree, path: string): TreeEntry | undefined {
  const fd = openOrNothing(tree.fd, path)
  if (fd === undefined) return undefined
  try {
    const real = posix.relative(readlinkSync(fdPath(tree.fd)), readlinkSync(fdPath(fd)))
    return { path: real, stats: lstatSync(absolute(tree, real)) }
  } finally {
    close(fd)
  }
}

/** Whether the rules leave `path` out. A directory with exceptions inside is there. */
export function isLeftOut({ rules }: FileTree, { path, stats }: TreeEntry): boolean {
  if (rules === undefined || path === '') return false
  let matched: Matched | undefined
  let here = ''
  for (const part of path.split('/')) {
    here = here === '' ? part : `${here}/${part}`
    matched = rules.match(here, matched)
  }
  if (matched?.isMatch !== true) return false
  return !(stats.isDirectory() && rules.mayKeepBelow(path))
}

/** Everything below `directory`, sorted by name, directories before what is in them. */
export async function walkTree(tree: FileTree, directory: string): Promise<readonly TreeEntry[]> {
  return new Walk(tree).below(directory, matchedFor(tree, directory))
}

/** Path by which node's own calls reach an entry. */
export function absolute(tree: FileTree, path: string): string {
  return `${fdPath(tree.fd)}/${path === '' ? '.' : path}`
}

/** Lets others work now and then: the supervisor has more to do than to build. */
export class Pace {
  #since = performance.now()

  async rest(): Promise<void> {
    if (performance.now() - this.#since < STRETCH_MS) return
    await setImmediate()
    this.#since = performance.now()
  }

  /** Whether {@link rest} would rest: to be asked first where a promise costs too much. */
  get isDue(): boolean {
    return performance.now() - this.#since >= STRETCH_MS
  }
}

/** Longest work at one go, in milliseconds: nobody at a terminal notices. */
const STRETCH_MS = 10

class Walk {
  readonly #tree: FileTree
  readonly #pace = new Pace()

  constructor(tree: FileTree) {
    this.#tree = tree
  }

  async below(directory: string, matched: Matched | undefined): Promise<readonly TreeEntry[]> {
    if (this.#pace.isDue) await this.#pace.rest()
    const found: TreeEntry[] = []
    for (const name of readdirSync(absolute(this.#tree, directory)).sort()) {
      checkName(this.#tree, directory, name)
      const path = directory === '' ? name : `${directory}/${name}`
      const stats = lstatSync(absolute(this.#tree, path))
      if (isWhiteout(stats)) continue
      const match = this.#tree.rules?.match(path, matched)
      found.push(...(await this.#entryAndBelow({ path, stats }, match)))
    }
    return found
  }

  async #entryAndBelow(entry: TreeEntry, match: Matched | undefined): Promise<TreeEntry[]> {
    const isKept = match?.isMatch !== true
    if (!entry.stats.isDirectory()) return isKept ? [entry] : []
    if (isKept) return [entry, ...(await this.below(entry.path, match))]
    if (this.#tree.rules?.mayKeepBelow(entry.path) !== true) return []
    const kept = await this.below(entry.path, match)
    return kept.length > 0 ? [entry, ...kept] : []
  }
}

function matchedFor({ rules }: FileTree, directory: string): Matched | undefined {
  if (rules === undefined || directory === '') return undefined
  let matched: Matched | undefined
  const parts = directory.split('/')
  for (const index of parts.keys()) {
    matched = rules.match(parts.slice(0, index + 1).join('/'), matched)
  }
  return matched
}

/** overlayfs shows the whiteouts of a lone layer as devices 0/0. */
function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0
}

/** Node has put U+FFFD in the place of bytes that are no text, and the file cannot be found again. */
function checkName({ what }: FileTree, directory: string, name: string): void {
  if (!name.includes('\uFFFD')) return
  throw new Problem(`Cannot copy "${directory}/${name}" of ${what}: its name is not UTF-8`, {
    hint: 'rename it, or leave it out with .dockerignore',
  })
}

function openOrNothing(root: Fd, path: string): Fd | undefined {
  try {
    return openIn(root, path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) {
      return undefined
    }
    throw error
  }
}

function fdPath(fd: Fd): string {
  return `/proc/self/fd/${fd}`
}
