/** Directories of `--mount=type=cache`: they outlive the build, and are shared between builds. */

import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryLock } from '../../linux/index.ts'

export interface CacheMount extends Disposable {
  readonly path: string
  /** Nothing has ever been in it. */
  readonly isNew: boolean
}

/** How often somebody who waits for a cache looks again; it is held as long as a RUN takes. */
const LOOK_MS = 50

/**
 * `shared`: at once, whoever has it; `locked`: when no other build has it; `private`: one that
 * nobody has, a new one if need be. @see Dockerfile reference, "RUN --mount=type=cache"
 */
export async function holdCache(wanted: {
  readonly directory: string
  readonly id: string
  readonly sharing: 'shared' | 'private' | 'locked'
  readonly signal: AbortSignal
}): Promise<CacheMount> {
  const { directory, sharing, signal } = wanted
  const name = createHash('sha256').update(wanted.id).digest('hex')
  if (sharing === 'shared') return take(join(directory, name), undefined)
  for (let number = 0; ; number += 1) {
    const path = join(directory, sharing === 'private' && number > 0 ? `${name}.${number}` : name)
    const lock = lockOf(path)
    if (lock !== undefined) return take(path, lock)
    if (sharing === 'locked') await sleep(LOOK_MS, undefined, { signal })
  }
}

/** Ends with the process that has it; `undefined`: another one has it, or another step of ours. */
function lockOf(path: string): number | undefined {
  mkdirSync(path, { recursive: true, mode: 0o755 })
  const fd = openSync(`${path}.lock`, 'a', 0o600)
  if (tryLock(fd)) return fd
  closeSync(fd)
  return undefined
}

function take(path: string, lock: number | undefined): CacheMount {
  mkdirSync(path, { recursive: true, mode: 0o755 })
  return {
    path,
    isNew: readdirSync(path).length === 0,
    [Symbol.dispose]: () => {
      if (lock !== undefined) closeSync(lock)
    },
  }
}
