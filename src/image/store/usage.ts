/** How much room images take, and how much of it could be had back. */

import { readdirSync, statSync } from 'node:fs'
import { readCached } from './cached.ts'
import { cachedBytes, layerBytes, pinnedImages } from './collect.ts'
import { listImages } from './images.ts'
import { type ImageStore, placeOf } from './places.ts'

export interface Usage {
  readonly images: number
  /** Images that a container has. */
  readonly active: number
  /** Unpacked layers. */
  readonly layerBytes: number
  /** Layers and documents as registries have them. */
  readonly blobBytes: number
  /** Bytes of the two that neither a container nor the cache of builds needs. */
  readonly reclaimableBytes: number
  readonly buildCache: {
    readonly layers: number
    /** Of layers that no image has. */
    readonly bytes: number
  }
}

export function usageOf(store: ImageStore): Usage {
  const images = listImages(store)
  const pinned = pinnedImages(store)
  const active = images.filter(({ manifest }) => pinned.has(manifest))
  const cached = readCached(store)
  const needed = new Set<string>([
    ...cached,
    ...active.flatMap(({ manifest, id, layers }) => [
      manifest,
      id,
      ...layers.flatMap(({ digest, diffId }) => [digest, diffId]),
    ]),
  ])
  const sizes = { layers: new Map<string, number>(), blobs: new Map<string, number>() }
  for (const name of readdirSync(placeOf(store, 'layers'))) {
    sizes.layers.set(`sha256:${name}`, layerBytes(placeOf(store, 'layers', name)))
  }
  for (const name of readdirSync(placeOf(store, 'blobs'))) {
    // It may have gone since the directory was read.
    const blob = statSync(placeOf(store, 'blobs', name), { throwIfNoEntry: false })
    sizes.blobs.set(`sha256:${name}`, blob?.size ?? 0)
  }
  const unneeded = [...sizes.layers, ...sizes.blobs].filter(([digest]) => !needed.has(digest))
  return {
    images: images.length,
    active: active.length,
    layerBytes: sum(sizes.layers.values()),
    blobBytes: sum(sizes.blobs.values()),
    reclaimableBytes: sum(unneeded.map(([, bytes]) => bytes)),
    buildCache: { layers: cached.size, bytes: cachedBytes(store, images) },
  }
}

function sum(all: Iterable<number>): number {
  return [...all].reduce((total, each) => total + each, 0)
}
