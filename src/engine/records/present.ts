/** Reads what may not be there yet, or no longer: that is an answer, and no error. */

import { type Dirent, readdirSync, readFileSync } from 'node:fs'

/** The file's bytes; undefined when there is none. */
export function readIfPresent(path: string): Buffer | undefined {
  return unlessMissing(() => readFileSync(path))
}

/** Names of directories in `path`, sorted; none when it does not exist. */
export function directoriesIn(path: string): readonly string[] {
  return namesIn(path, (entry) => entry.isDirectory())
}

/** Names of files in `path`, sorted; none when it does not exist. */
export function filesIn(path: string): readonly string[] {
  return namesIn(path, (entry) => entry.isFile())
}

function namesIn(path: string, isWanted: (entry: Dirent) => boolean): readonly string[] {
  const entries = unlessMissing(() => readdirSync(path, { withFileTypes: true })) ?? []
  return entries
    .filter(isWanted)
    .map(({ name }) => name)
    .sort()
}

function unlessMissing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
