/** Places that were made for mounts only: no part of the layer. */

import { lstatSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { join, posix } from 'node:path'
import { KernelError } from '../../errors.ts'
import { close, type Fd, openIn } from '../../linux/index.ts'
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
    return { removeFrom: (upper) => paths.forEach((path) => removeEmpty(join(upper, path))) }
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
    if (error instanceof KernelError && ['ENOENT', 'ENOTDIR'].includes(error.errnoName)) {
      return undefined
    }
    throw error
  }
}

function removeEmpty(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() === true && stat.size === 0) rmSync(path)
  if (stat?.isDirectory() !== true) return
  try {
    rmdirSync(path)
  } catch (error) {
    // The command has put something there: then it is the image's.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
  }
}
