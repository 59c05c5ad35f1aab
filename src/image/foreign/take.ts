/** Takes an image of another engine's store into ours, without a registry between. */

import { parseJson, asObject, field } from '../json.ts'
import { MEDIA } from '../oci.ts'
import { formatReference, parseReference } from '../reference.ts'
import { writeBlob } from '../store/blobs.ts'
import { addImage, type StoredImage } from '../store/images.ts'
import { holdStore } from '../store/lock.ts'
import { makeLayer, type MadeLayer } from '../store/make-layer.ts'
import { changeNames } from '../store/names.ts'
import type { ImageStore } from '../store/places.ts'
import { readDockerStore } from './docker.ts'
import type { ForeignImage, ForeignStore } from './foreign-image.ts'
import { readPodmanStore } from './podman.ts'

/** Layers of one run by their directories: images share them. */
export type TakenLayers = Map<string, MadeLayer>

/** Whichever engine's store `directory` is. Undefined when it is none. */
export function readForeignStore(directory: string): ForeignStore | undefined {
  return readDockerStore(directory) ?? readPodmanStore(directory)
}

/**
 * The layers are archived anew, so digests differ from the registry's; everything else is the
 * same. @throws {EngineError} IMAGE_CORRUPT, DISK_FULL
 */
export async function takeForeign(
  store: ImageStore,
  { config, layers, names }: ForeignImage,
  taken: TakenLayers,
): Promise<{ readonly image: StoredImage; readonly names: readonly string[] }> {
  using _hold = await holdStore(store)
  const made: MadeLayer[] = []
  for (const directory of layers) {
    const layer = taken.get(directory) ?? (await makeLayer(store, directory))
    taken.set(directory, layer)
    made.push(layer)
  }
  const object = parseJson(config, 'configuration of the image')
  const rootfs = asObject(field(object, 'rootfs') ?? {}, 'rootfs of the image')
  const text = JSON.stringify({
    ...object,
    rootfs: { ...rootfs, diff_ids: made.map(({ layer }) => layer.diffId) },
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: {
      mediaType: MEDIA.config,
      digest: writeBlob(store, text),
      size: Buffer.byteLength(text),
    },
    layers: made.map(({ descriptor }) => descriptor),
  }
  const image = addImage(store, writeBlob(store, JSON.stringify(manifest)))
  const whole = names.map((name) => formatReference(parseReference(name)))
  await changeNames(store, (all) => {
    for (const name of whole) all.set(name, { manifest: image.manifest, at: Date.now() })
  })
  return { image, names: whole }
}
