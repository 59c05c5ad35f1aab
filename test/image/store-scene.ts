/** An image store of its own for a test, and images put into it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import {
  addImage,
  addLayer,
  type Compression,
  digestOf,
  type ImageStore,
  type LayerSource,
  lowersOf,
  MEDIA,
  openImageStore,
  type StoredImage,
  type StoredLayer,
  writeBlob,
} from '../../src/image/index.ts'

export interface Scene extends Disposable {
  readonly directory: string
  readonly store: ImageStore
}

/** In a directory that is removed when the test ends. */
export function storeScene(): Scene {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-image-'))
  const store = openImageStore(directory)
  return {
    directory,
    store,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

const inPieces = (bytes: Buffer, size: number = 64 * 1024): LayerSource => ({
  async *open(offset) {
    for (let at = offset; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  },
})

function pack(tar: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return tar
  return compression === 'gzip' ? gzipSync(tar) : zstdCompressSync(tar)
}

export async function addTar(
  { store }: Scene,
  tar: Buffer,
  compression: Compression = 'gzip',
): Promise<StoredLayer> {
  const bytes = pack(tar, compression)
  const wish = { digest: digestOf(bytes), size: bytes.length, compression }
  return addLayer(store, wish, inPieces(bytes))
}

/** An image of these layers, lowest first; `config` is its `config` object. */
export async function addTarImage(
  scene: Scene,
  tars: readonly Buffer[],
  config: object = {},
): Promise<StoredImage & { readonly lowers: readonly string[] }> {
  const layers = []
  for (const tar of tars) {
    const bytes = pack(tar, 'gzip')
    const { diffId } = await addTar(scene, tar)
    const digest = digestOf(bytes)
    layers.push({ diffId, descriptor: { mediaType: MEDIA.layerGzip, digest, size: bytes.length } })
  }
  const text = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  })
  const digest = writeBlob(scene.store, text)
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: { mediaType: MEDIA.config, digest, size: Buffer.byteLength(text) },
    layers: layers.map(({ descriptor }) => descriptor),
  }
  const image = addImage(scene.store, writeBlob(scene.store, JSON.stringify(manifest)))
  return { ...image, lowers: lowersOf(scene.store, image) }
}
