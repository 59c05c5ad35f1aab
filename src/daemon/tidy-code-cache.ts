/** Throws away compiled code that nobody reads any more: each build and each node leaves its own. */

import { lstatSync, readdirSync, rmdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { CODE_CACHE_BYTES_MAX, CODE_CACHE_LOOK_MS, CODE_CACHE_UNREAD_MS_MAX } from '../limits.ts'

/** `v24.21.0-x64-964aae3f-0`: version, architecture, tag of the cache, user. @see node:module */
const OF_NODE = /^v\d+\.\d+\.\d+\S*-\w+-[0-9a-f]+-\d+$/
/** One module, and what a node that was killed has left of writing one. */
const MODULE = /^[0-9a-f]{1,8}(?:\.\w+)?$/
const STAMP = 'tidied'

interface Entry {
  readonly path: string
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly usedAt: number
}

/**
 * Directory of our caches, one for each of the usual commands: see bin/tsstack.js. Undefined when
 * there is none, or when the user has named one with NODE_COMPILE_CACHE.
 */
export function codeCacheDirectory(
  cache: string | undefined = getCompileCacheDir(),
): string | undefined {
  const directory = cache && dirname(dirname(cache))
  return directory && basename(directory) === 'tsstack' ? directory : undefined
}

/**
 * Removes modules that were last read or written too long ago, and then the oldest that make the
 * rest too large; once a day at most, whoever asks. Nobody else needs to know: node has a module
 * read before it runs, and writes one that is missing anew. What is not node's is left alone.
 * @param now milliseconds since the epoch
 */
export function tidyCodeCache(directory: string, now: number): void {
  const stamp = join(directory, STAMP)
  const last = lstatSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
  // A clock that was set back must not put it off for years.
  if (Math.abs(now - last) < CODE_CACHE_LOOK_MS) return
  writeFileSync(stamp, '', { mode: 0o600 })
  utimesSync(stamp, now / 1000, now / 1000)
  const places = nodeDirectories(directory)
  const entries = places.flatMap((place) => modulesIn(place))
  let left = 0
  for (const { path, bytes, usedAt } of entries.toSorted((a, b) => b.usedAt - a.usedAt)) {
    if (now - usedAt <= CODE_CACHE_UNREAD_MS_MAX && left + bytes <= CODE_CACHE_BYTES_MAX) {
      left += bytes
    } else {
      ifStillThere(() => unlinkSync(path))
    }
  }
  for (const place of places) ifStillThere(() => rmdirSync(place))
}

/** Directly below, as tsstack-oci has its own, and below the directory of a command. */
function nodeDirectories(directory: string): readonly string[] {
  return directoriesIn(directory).flatMap((path) =>
    OF_NODE.test(basename(path))
      ? [path]
      : directoriesIn(path).filter((each) => OF_NODE.test(basename(each))),
  )
}

function directoriesIn(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(directory, name))
}

function modulesIn(directory: string): readonly Entry[] {
  return readdirSync(directory)
    .filter((name) => MODULE.test(name))
    .flatMap((name) => {
      const path = join(directory, name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat?.isFile() !== true) return []
      // A file system may keep no time of reading: then it is made anew once in a while.
      return [{ path, bytes: stat.size, usedAt: Math.max(stat.atimeMs, stat.mtimeMs) }]
    })
}

/** Another supervisor may be quicker; and a directory that is not empty stays. */
function ifStillThere(remove: () => void): void {
  try {
    remove()
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error
  }
}
