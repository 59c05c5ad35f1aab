/** Images of the store: a record for each that is whole, written last. */

import { closeSync, openSync, readdirSync, rmSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { syncFileSystem } from '../../linux/index.ts'
import { type Digest, isDigest } from '../digest.ts'
import { broken } from '../json.ts'
import type { Descriptor, ImageConfig, ImageSettings, Platform } from '../oci.ts'
import { parseConfig } from '../parse-config.ts'
import { parseDocument } from '../parse-manifest.ts'
import { diffIdOf, hasBlob, readBlob } from './blobs.ts'
import { readJsonIfThere, writeFileByRename } from './files.ts'
import { findLayer, requireLayer } from './layers.ts'
import { imagePath, type ImageStore, placeOf } from './places.ts'

/** A layer of an image: what registries have, and what it unpacks to. */
export interface ImageLayer extends Pick<Descriptor, 'mediaType' | 'digest' | 'size'> {
  readonly diffId: Digest
}

export interface StoredImage {
  /** What the image is known by in the store, and by containers that use it. */
  readonly manifest: Digest
  /** Digest of its configuration: Docker's image ID. */
  readonly id: Digest
  readonly platform: Platform
  /** RFC 3339. */
  readonly created?: string
  /** Lowest first. */
  readonly layers: readonly ImageLayer[]
  readonly settings: ImageSettings
  /** Milliseconds since the epoch. */
  readonly addedAt: number
}

/** Undefined when it is not there, or not whole. */
export function findImage(store: ImageStore, manifest: Digest): StoredImage | undefined {
  return readJsonIfThere(imagePath(store, manifest)) as StoredImage | undefined
}

/** @throws {EngineError} IMAGE */
export function requireImage(store: ImageStore, manifest: Digest): StoredImage {
  const image = findImage(store, manifest)
  if (image) return image
  throw new EngineError('IMAGE', `Cannot use image ${manifest}: it is not in the store any more`, {
    hint: 'run "tsstack pull", or "tsstack up --pull missing"',
  })
}

export function listImages(store: ImageStore): readonly StoredImage[] {
  return readdirSync(placeOf(store, 'images')).flatMap((name) => {
    const digest = `sha256:${name.replace(/\.json$/, '')}`
    return isDigest(digest) ? (findImage(store, digest) ?? []) : []
  })
}

/**
 * Makes an image of a manifest whose blobs and layers are in the store. Everything is on the disk
 * when it resolves.
 * @throws {EngineError} IMAGE_CORRUPT, IMAGE
 */
export function addImage(store: ImageStore, manifest: Digest): StoredImage {
  const known = findImage(store, manifest)
  if (known) return known
  const what = `image ${manifest}`
  const document = parseDocument(readBlob(store, manifest), `manifest of ${what}`)
  if (document.kind === 'index') throw broken(what, 'it is an index')
  const { config, layers } = document.manifest
  const parsed = parseConfig(readBlob(store, config.digest), `configuration of ${what}`)
  checkLayers(parsed, layers, what)
  const image: StoredImage = {
    manifest,
    id: config.digest,
    platform: parsed.platform,
    ...(parsed.created === undefined ? {} : { created: parsed.created }),
    layers: layers.map(({ mediaType, digest, size }, at) => {
      const diffId = parsed.diffIds[at] ?? digest
      if (!hasBlob(store, digest) || diffIdOf(store, digest) !== diffId) {
        throw broken(what, `its layer ${digest} is not there, or not ${diffId}`)
      }
      requireLayer(store, diffId)
      return { mediaType, digest, size, diffId }
    }),
    settings: parsed.settings,
    addedAt: Date.now(),
  }
  sync(store)
  writeImage(store, image)
  return image
}

/** For an image that is whole. */
export function writeImage(store: ImageStore, image: StoredImage): void {
  writeFileByRename(imagePath(store, image.manifest), JSON.stringify(image))
}

/** As many diff IDs as layers: with fewer, a layer would be used that nobody has vouched for. */
export function checkLayers(
  { diffIds }: ImageConfig,
  layers: readonly unknown[],
  what: string,
): void {
  if (diffIds.length === layers.length) return
  throw broken(what, `it has ${layers.length} layers, and diff_ids for ${diffIds.length}`)
}

export function removeImage(store: ImageStore, manifest: Digest): void {
  rmSync(imagePath(store, manifest), { force: true })
}

/**
 * Lower directories for overlayfs, topmost first. A layer that appears again lower down is left
 * out: it would change nothing, and overlayfs takes no directory twice.
 * @throws {EngineError} IMAGE
 */
export function lowersOf(store: ImageStore, { layers }: Pick<StoredImage, 'layers'>): string[] {
  const lowers = new Set<string>()
  for (const { diffId } of layers.toReversed()) {
    const { directory, isOpaque } = requireLayer(store, diffId)
    lowers.add(directory)
    if (isOpaque) break
  }
  return [...lowers]
}

/** Bytes of the image's files. */
export function imageBytes(store: ImageStore, { layers }: StoredImage): number {
  return layers.reduce((sum, { diffId }) => sum + (findLayer(store, diffId)?.bytes ?? 0), 0)
}

/** After a power cut a record must not name what has not reached the disk. */
function sync({ directory }: ImageStore): void {
  const fd = openSync(directory, 'r')
  try {
    syncFileSystem(fd)
  } finally {
    closeSync(fd)
  }
}
