/** Removes files and directories of a tree that others may change meanwhile. */

import { readdirSync, rmdirSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import { COPY_DEPTH_MAX } from '../../limits.ts'
import { close, type Fd, O, openAt, statFd, unlinkAt } from '../../linux/index.ts'
import { isMissing } from './missing.ts'
import { directoryOf, isOfKernel, nameOf, ofKernel, openInTree, type Tree } from './tree.ts'

/** What lies at `path`, with all below it; a link itself. What is gone is success. */
export function removeInTree(tree: Tree, path: string): void {
  const parent = openInTree(tree, directoryOf(path), { follow: true })
  const name = nameOf(path)
  if (parent === undefined || name === '') return
  try {
    if (isOfKernel(parent)) throw ofKernel(tree, path)
    const readable = openAt(parent, DOT, O.RDONLY | O.DIRECTORY)
    try {
      removeName({ tree, path }, { parent: readable, name: Buffer.from(name), depth: 0 })
    } finally {
      close(readable)
    }
  } finally {
    close(parent)
  }
}

const DOT = Buffer.from('.')

interface Place {
  readonly parent: Fd
  readonly name: Buffer
  readonly depth: number
}

/** By descriptors all the way: a directory that becomes a link meanwhile leads nowhere. */
function removeName(
  what: { readonly tree: Tree; readonly path: string },
  { parent, name, depth }: Place,
): void {
  const child = openIfThere(parent, name)
  if (child === undefined) return
  try {
    if (statFd(child).kind !== 'directory') return unlinkAt(parent, name)
    if (depth === COPY_DEPTH_MAX) throw tooDeep(what)
    const readable = openAt(child, DOT, O.RDONLY | O.DIRECTORY)
    try {
      for (const each of readdirSync(`/proc/self/fd/${readable}/`, { encoding: 'buffer' })) {
        removeName(what, { parent: readable, name: each, depth: depth + 1 })
      }
    } finally {
      close(readable)
    }
    rmdirSync(Buffer.concat([Buffer.from(`/proc/self/fd/${parent}/`), name]))
  } catch (error) {
    if (!isMissing(error)) throw error
  } finally {
    close(child)
  }
}

function openIfThere(parent: Fd, name: Buffer): Fd | undefined {
  try {
    return openAt(parent, name, O.PATH)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function tooDeep({ tree, path }: { readonly tree: Tree; readonly path: string }): UsageError {
  return new UsageError(
    `Cannot remove "${tree.label}${path}": directories in it are nested ${COPY_DEPTH_MAX} deep`,
    { code: 'NOT_SUPPORTED', hint: 'remove its parts one by one' },
  )
}
