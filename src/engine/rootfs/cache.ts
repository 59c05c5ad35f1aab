/** Directories that are built once and never changed: a draft first, then renamed. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'

/** The directory `name` of the cache, mode 0755; `fill` gets an empty one when it is not there. */
export function buildOnce(
  cacheDirectory: string,
  name: string,
  fill: (draft: string) => void,
): string {
  const directory = join(cacheDirectory, name)
  if (existsSync(directory)) return directory
  removeDrafts(cacheDirectory)
  const draft = mkdtempSync(join(cacheDirectory, DRAFT))
  try {
    fill(draft)
    chmodSync(draft, 0o755)
    publish(draft, directory)
    return directory
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Begins the names of what is being built; after a crash some may be left. */
const DRAFT = 'draft-'

/** Nobody else builds in this directory: it belongs to the one supervisor of a state root. */
function removeDrafts(cacheDirectory: string): void {
  mkdirSync(cacheDirectory, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(cacheDirectory)) {
    if (name.startsWith(DRAFT)) rmSync(join(cacheDirectory, name), { recursive: true, force: true })
  }
}

/** Whoever is first wins; both have built the same. */
function publish(draft: string, directory: string): void {
  try {
    renameSync(draft, directory)
  } catch (error) {
    if (!existsSync(directory)) throw error
  }
}
