/** Removes what nobody needs: images without a name, and parts that no image has. */

import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../digest.ts'
import { isDigest } from '../digest.ts'
import { dropCached, readCached } from './cached.ts'
import { readJsonIfThere } from './files.ts'
import { listImages, removeImage, type StoredImage, writeImage } from './images.ts'
import { lockCollection, removeDrafts } from './lock.ts'
import { changeNames, readNames } from './names.ts'
import { readPins } from './pins.ts'
import { blobPath, type ImageStore, layerPath, placeOf } from './places.ts'

export interface Collected {
  /** Names that were taken away. */
  readonly names: readonly string[]
  readonly images: readonly Digest[]
  readonly bytes: number
  /** Of layers that are kept only because builds may use them again. */
  readonly cachedBytes: number
}

/**
 * Removes images that have no name and no container, with `all` also named ones without a
 * container, and then every part that is left over. Waits for pulls that are under way.
 */
export async function collect(
  store: ImageStore,
  options: {
    readonly all: boolean
    readonly signal?: AbortSignal | undefined
    /** Layers that builds used last before it (milliseconds since the epoch) are forgotten first. */
    readonly cachedBefore?: number
    /** Images without a name stay as well. */
    readonly keepsUnnamed?: boolean
    /** Takes away what else of builds is to go, while none is under way. */
    readonly onHeld?: () => void
  },
): Promise<Collected> {
  const { signal, all, cachedBefore, keepsUnnamed = false, onHeld } = options
  using _lock = await lockCollection(store, signal ? { signal } : {})
  if (cachedBefore !== undefined) dropCached(store, cachedBefore)
  removeDrafts(store)
  onHeld?.()
  const names: string[] = []
  if (all) {
    await changeNames(store, (known) => {
      const pinned = pinnedImages(store)
      for (const [name, { manifest }] of known) {
        if (pinned.has(manifest)) continue
        known.delete(name)
        names.push(name)
      }
    })
  }
  const named = new Set([...readNames(store).values()].map(({ manifest }) => manifest))
  const images = listImages(store)
  const kept = images.filter(
    (image) => keepsUnnamed || named.has(image.manifest) || isHeld(store, image),
  )
  const gone = images.filter((image) => !kept.includes(image)).map(({ manifest }) => manifest)
  const bytes = sweep(store, kept)
  return { names, images: gone, bytes, cachedBytes: cachedBytes(store, kept) }
}

/**
 * Takes an image away unless somebody holds it. Whoever begins to do so pins it and looks for it
 * then, and we look for pins once it is away: one of us sees the other.
 */
function isHeld(store: ImageStore, image: StoredImage): boolean {
  const { manifest } = image
  if (pinnedImages(store).has(manifest)) return true
  removeImage(store, manifest)
  if (!pinnedImages(store).has(manifest)) return false
  writeImage(store, image)
  return true
}

/** Manifests that somebody holds, whatever their names. */
export function pinnedImages(store: ImageStore): ReadonlySet<Digest> {
  return new Set([...readPins(store).values()].flatMap(({ images = [] }) => images))
}

/** What an image holds on to: hex digits, as the store's files are called. */
function partsOf(images: readonly StoredImage[]) {
  const blobs = new Set<string>()
  const layers = new Set<string>()
  for (const image of images) {
    for (const digest of [image.manifest, image.id]) blobs.add(digest)
    for (const { digest, diffId } of image.layers) {
      blobs.add(digest)
      layers.add(diffId)
    }
  }
  return { blobs, layers }
}

/** The bytes that became free. */
function sweep(store: ImageStore, kept: readonly StoredImage[]): number {
  const { blobs, layers } = partsOf(kept)
  for (const { layers: held = [] } of readPins(store).values()) {
    for (const diffId of held) {
      layers.add(diffId)
      // A built layer that is not packed is called by its diff ID.
      blobs.add(diffId)
    }
  }
  for (const diffId of readCached(store)) {
    layers.add(diffId)
    blobs.add(diffId)
  }
  let bytes = 0
  for (const name of unneeded(store, 'layers', layers)) {
    const path = placeOf(store, 'layers', name)
    bytes += layerBytes(path)
    // Out of sight at once, so that a crash leaves no half of a layer.
    const doomed = placeOf(store, 'drafts', `gone-${name}`)
    renameSync(path, doomed)
    rmSync(doomed, { recursive: true, force: true })
  }
  for (const name of unneeded(store, 'blobs', blobs)) {
    const path = placeOf(store, 'blobs', name)
    bytes += statSync(path).size
    rmSync(path, { force: true })
  }
  for (const name of unneeded(store, 'diffs', blobs)) rmSync(placeOf(store, 'diffs', name))
  for (const name of readdirSync(placeOf(store, 'partial'))) {
    bytes += statSync(placeOf(store, 'partial', name)).size
    rmSync(placeOf(store, 'partial', name), { force: true })
  }
  for (const name of readdirSync(placeOf(store, 'locks'))) {
    // Nobody pulls now; who comes next makes it again.
    if (/^[0-9a-f]{64}$/.test(name)) rmSync(placeOf(store, 'locks', name), { force: true })
  }
  return bytes
}

function unneeded(
  store: ImageStore,
  part: 'layers' | 'blobs' | 'diffs',
  needed: ReadonlySet<string>,
): readonly string[] {
  return readdirSync(placeOf(store, part)).filter((name) => {
    const digest = `sha256:${name}`
    return !(isDigest(digest) && needed.has(digest))
  })
}

/** Of the cache of builds: unpacked layers, and their archives, that no image has. */
export function cachedBytes(store: ImageStore, images: readonly StoredImage[]): number {
  return cachedLayers(store, images).reduce((sum, each) => sum + cachedLayerBytes(store, each), 0)
}

/** Those of the cache of builds that none of `images` has. */
export function cachedLayers(store: ImageStore, images: readonly StoredImage[]): readonly Digest[] {
  const { layers } = partsOf(images)
  return [...readCached(store)].filter((diffId) => !layers.has(diffId))
}

export function cachedLayerBytes(store: ImageStore, diffId: Digest): number {
  const blob = statSync(blobPath(store, diffId), { throwIfNoEntry: false })
  return layerBytes(layerPath(store, diffId)) + (blob?.size ?? 0)
}

export function layerBytes(path: string): number {
  const record: { bytes?: number } | undefined = readJsonIfThere(join(path, 'layer.json'))
  return record?.bytes ?? 0
}
