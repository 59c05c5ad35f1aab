/** Turns on the cache of compiled code before anything that is worth caching is loaded. */

import { lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

const directory = cacheDirectory()
if (directory !== undefined) enableCompileCache(directory)
await import('./main.ts')

/** A directory that is ours alone: whoever can write into it could run code as us. */
function cacheDirectory(): string | undefined {
  const uid = process.geteuid?.()
  const { HOME, XDG_CACHE_HOME } = process.env
  const base = XDG_CACHE_HOME || (HOME ? join(HOME, '.cache') : undefined)
  const path = uid === 0 ? '/var/cache/tsstack' : base && join(base, 'tsstack')
  if (path === undefined) return undefined
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode, uid: owner } = lstatSync(path)
    return owner === uid && (mode & 0o022) === 0 ? path : undefined
  } catch {
    return undefined // A read-only file system: slower, nothing else.
  }
}
