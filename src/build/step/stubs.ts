/** Places that were made for mounts only: no part of the layer. */

import { lstatSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { posix } from 'node:path'
import { KernelError } from '../../errors.ts'
import { close, type Fd, O, openIn, openPath } from '../../linux/index.ts'
import type { LayerRecord, StepMount } from '../ports.ts'
import type { Roots } from '../roots.ts'

export interface Stubs {
  /** Removes those that are still empty from what the command left behind. */
  removeFrom(upper: string): void
}

/** To be called before the command runs. */
export function findStubs(
  roots: Roots,
  layers: readonly LayerRecord[],
  { mounts, workingDir }: { readonly mounts: readonly StepMount[]; readonly workingDir: string },
): Stubs {
  const root = roots.open(layers)
  try {
    const missing = mounts.flatMap(({ target }) =>
      missingIn(root, posix.resolve('/', workingDir, target)),
    )
    // What is inside goes first.
    const paths = [...new Set(missing)].toSorted((a, b) => b.length - a.length)
    return { removeFrom: (upper) => removeAll(upper, paths) }
  } finally {
    close(root)
  }
}

function removeAll(upper: string, paths: readonly string[]): void {
  const root = openPath(upper, O.DIRECTORY)
  try {
    for (const path of paths) removeEmpty(root, path)
  } finally {
    close(root)
  }
}

/** What would have to be made for `path`, links of the image followed. */
function missingIn(root: Fd, path: string): readonly string[] {
  const parts = path.split('/').filter(Boolean)
  for (let known = parts.length; known >= 0; known -= 1) {
    const real = realPath(root, parts.slice(0, known).join('/'))
    if (real === undefined) continue
    return parts
      .slice(known)
      .map((_, index) => posix.join(real, ...parts.slice(known, known + index + 1)))
  }
  return []
}

function realPath(root: Fd, path: string): string | undefined {
  try {
    const fd = openIn(root, path)
    try {
      const top = readlinkSync(`/proc/self/fd/${root}`)
      return posix.join('/', posix.relative(top, readlinkSync(`/proc/self/fd/${fd}`)))
    } finally {
      close(fd)
    }
  } catch (error) {
    if (error instanceof KernelError && GONE.includes(error.errnoName)) {
      return undefined
    }
    throw error
  }
}

/** Inside the upper directory: the command may have put links in the way. */
function removeEmpty(upper: Fd, path: string): void {
  const parent = openDirectory(upper, posix.dirname(path))
  if (parent === undefined) return
  const place = `/proc/self/fd/${parent}/${posix.basename(path)}`
  try {
    const stat = lstatSync(place, { throwIfNoEntry: false })
    if (stat?.isFile() === true && stat.size === 0) rmSync(place)
    if (stat?.isDirectory() === true) rmdirSync(place)
  } catch (error) {
    // The command has put something there: then it is the image's.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
  } finally {
    close(parent)
  }
}

/** Undefined when there is none: nothing was made there, or the command has removed it. */
function openDirectory(root: Fd, path: string): Fd | undefined {
  try {
    return openIn(root, path, { flags: O.PATH | O.DIRECTORY })
  } catch (error) {
    if (error instanceof KernelError && GONE.includes(error.errnoName)) return undefined
    throw error
  }
}

const GONE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP']
