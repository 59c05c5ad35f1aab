/** How far back the cache of builds may reach, so that it does not fill the disk. */

import { statSync, type StatsFs, statfsSync } from 'node:fs'
import { BUILD_CACHE_BYTES_MAX, BUILD_CACHE_SHARE } from '../../limits.ts'
import { type Digest, hexOf } from '../digest.ts'
import { readCached } from './cached.ts'
import { cachedLayers, cachedLayerBytes } from './collect.ts'
import { listImages } from './images.ts'
import { type ImageStore, placeOf } from './places.ts'

/**
 * Layers used last before this time (milliseconds since the epoch) are too much; undefined: all may
 * stay. Only layers that no image has count.
 */
export function cacheReach(
  store: ImageStore,
  bytesMax: number = cacheBytesMax(statfsSync(store.directory)),
): number | undefined {
  const layers = cachedLayers(store, listImages(store))
    .map((diffId) => ({ usedAt: usedAt(store, diffId), bytes: cachedLayerBytes(store, diffId) }))
    .toSorted((a, b) => b.usedAt - a.usedAt)
  let bytes = 0
  let reach = Infinity
  for (const layer of layers) {
    bytes += layer.bytes
    if (bytes > bytesMax) return reach
    reach = layer.usedAt
  }
  return undefined
}

/** Never, when it was forgotten meanwhile. */
function usedAt(store: ImageStore, diffId: Digest): number {
  const path = placeOf(store, 'cached', hexOf(diffId))
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Layers that the cache knows of. */
export function countCached(store: ImageStore): number {
  return readCached(store).size
}

/** Bytes that the cache may have: a share of its disk, and not more than a large disk's. */
function cacheBytesMax(disk: Pick<StatsFs, 'blocks' | 'bsize'>): number {
  return Math.min(BUILD_CACHE_BYTES_MAX, disk.blocks * disk.bsize * BUILD_CACHE_SHARE)
}
