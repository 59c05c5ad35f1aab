/** Makes an image of a configuration and of layers that are in the store. */

import { HOST_PLATFORM } from '../platform.ts'
import { MEDIA } from '../oci.ts'
import { formatReference, parseReference } from '../reference.ts'
import { writeBlob } from './blobs.ts'
import { addImage, type ImageLayer, type StoredImage } from './images.ts'
import { changeNames } from './names.ts'
import type { ImageStore } from './places.ts'

/**
 * `document` is the configuration as JSON; `names` are references in any spelling, which mean this
 * image from now on.
 * @throws {EngineError} IMAGE
 */
export async function addNewImage(
  store: ImageStore,
  image: {
    readonly document: object
    /** Lowest first. */
    readonly layers: readonly ImageLayer[]
    readonly names: readonly string[]
  },
): Promise<StoredImage> {
  const names = image.names.map((name) => formatReference(parseReference(name)))
  const text = JSON.stringify({ ...HOST_PLATFORM, ...image.document })
  const config = writeBlob(store, text)
  const manifest = writeBlob(
    store,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: config, size: Buffer.byteLength(text) },
      layers: image.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  )
  const stored = addImage(store, manifest)
  const given = { manifest, at: Date.now() }
  if (names.length > 0) {
    await changeNames(store, (all) => names.forEach((name) => all.set(name, given)))
  }
  return stored
}
