/** Layers that builds have made and may use again: kept although no image has them. */

import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { type Digest, hexOf, isDigest } from '../digest.ts'
import { type ImageStore, placeOf } from './places.ts'

/** Notes that a build has made or used the layer just now. */
export function keepCached(store: ImageStore, diffId: Digest): void {
  const path = placeOf(store, 'cached', hexOf(diffId))
  const now = Date.now() / 1000
  try {
    utimesSync(path, now, now)
  } catch {
    writeFileSync(path, '', { mode: 0o600 })
  }
}

export function readCached(store: ImageStore): ReadonlySet<Digest> {
  const digests = readdirSync(placeOf(store, 'cached')).map((name) => `sha256:${name}`)
  return new Set(digests.filter(isDigest))
}

/** Forgets layers that were used last before `before`, in milliseconds since the epoch. */
export function dropCached(store: ImageStore, before: number): void {
  for (const digest of readCached(store)) {
    const path = placeOf(store, 'cached', hexOf(digest))
    if (statSync(path).mtimeMs < before) rmSync(path)
  }
}
