/** The layer between image and container: empty places for what is mounted in every container. */

import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildOnce } from './cache.ts'
import { findPlaces, type Place } from './places.ts'

/** Shared by every container whose image lacks the same; never written to. */
export interface InitLayer {
  readonly directory: string
  /** Where /etc really is in the merged tree, relative to its root. */
  readonly etc: string
}

/** Builds the layer for the image `lowers` (topmost first), or finds it in the cache. */
export function openInitLayer(input: {
  readonly lowers: readonly string[]
  readonly cacheDirectory: string
}): InitLayer {
  const key = [input.cacheDirectory, ...input.lowers].join(':')
  const stamp = stampOf(input.lowers)
  const last = known.get(key)
  if (stamp !== undefined && last?.stamp === stamp && existsSync(last.layer.directory)) {
    return last.layer
  }
  const layer = build(input)
  if (stamp !== undefined) known.set(key, { stamp, layer })
  return layer
}

/** The layer found last for each image, and what the image looked like. */
const known = new Map<string, { readonly stamp: string; readonly layer: InitLayer }>()

/**
 * Changes with the names in the image's root and with its /etc, on which the layer depends. None
 * for a link at /etc: what that leads to may change unseen.
 */
function stampOf(lowers: readonly string[]): string | undefined {
  const stamps: string[] = []
  for (const lower of lowers) {
    const etc = lstatSync(join(lower, 'etc'), { throwIfNoEntry: false })
    if (etc && !etc.isDirectory()) return undefined
    stamps.push(identity(lstatSync(lower)), etc ? identity(etc) : '')
  }
  return stamps.join()
}

/** Two changes within one tick of the kernel's clock have one time, but hardly one mode as well. */
function identity({ dev, ino, ctimeMs, mode, uid, gid }: Stats): string {
  return [dev, ino, ctimeMs, mode, uid, gid].join(':')
}

function build(input: {
  readonly lowers: readonly string[]
  readonly cacheDirectory: string
}): InitLayer {
  const { etc, entries } = findPlaces(input.lowers)
  // Named for what is in it: most images lack the same.
  const hash = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 16)
  const directory = buildOnce(input.cacheDirectory, `init-${hash}`, (draft) => {
    for (const entry of entries) write(draft, entry)
  })
  return { directory, etc }
}

function write(root: string, { kind, path, mode, uid, gid }: Place): void {
  const full = join(root, path)
  if (kind === 'directory') mkdirSync(full)
  else writeFileSync(full, '', { flag: 'wx' })
  // First the owner: chown(2) takes setuid and setgid away.
  chownSync(full, uid, gid)
  chmodSync(full, mode)
}
