/** Makes images of what is no image yet: a root file system, or a change to another image. */

import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { join } from 'node:path'
import { Digester } from './digest.ts'
import type { Digest } from './digest.ts'
import { broken } from './json.ts'
import { sniffCompression } from './layer/decompress.ts'
import { layerBytes } from './layer/unpack-stream.ts'
import { type Compression, type Descriptor, MEDIA } from './oci.ts'
import { HOST_PLATFORM } from './platform.ts'
import { addLayer } from './store/add-layer.ts'
import { readBlob, writeBlob } from './store/blobs.ts'
import { addImage, type StoredImage } from './store/images.ts'
import { holdStore } from './store/lock.ts'
import { makeLayer, type MadeLayer } from './store/make-layer.ts'
import { type ImageStore, placeOf } from './store/places.ts'
import { spaceError } from './store/space.ts'
import type { ArchiveOptions } from './layer/archive.ts'

/** What `docker import --change` and `docker commit --change` may set: parts of `config`. */
export interface ImageChanges {
  readonly config?: Readonly<Record<string, unknown>>
  readonly author?: string | undefined
  readonly message?: string | undefined
}

/** An image of one layer: the archive of a root file system, packed or not. */
export async function importRootfs(
  store: ImageStore,
  source: Readable,
  changes: ImageChanges = {},
): Promise<StoredImage> {
  using _hold = await holdStore(store)
  const directory = mkdtempSync(placeOf(store, 'drafts', 'import-'))
  try {
    const layer = await keepLayer(store, source, join(directory, 'layer'))
    return describeImage(store, { layers: [layer], changes, createdBy: 'tsstack import' })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * A new image: `base` (absent: nothing) with what `upper`, an upper layer of overlayfs, changes.
 * @throws {EngineError} DISK_FULL, IMAGE
 */
export async function commitLayer(
  store: ImageStore,
  input: {
    readonly base: StoredImage | undefined
    readonly upper: string
    readonly options?: ArchiveOptions
    readonly changes?: ImageChanges
  },
): Promise<StoredImage> {
  using _hold = await holdStore(store)
  const made = await makeLayer(store, input.upper, input.options)
  const { base, changes = {} } = input
  return describeImage(store, {
    base,
    layers: [ofMade(made)],
    changes,
    createdBy: 'tsstack commit',
  })
}

interface NewLayer {
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>
  readonly diffId: Digest
}

const ofMade = ({ layer, descriptor }: MadeLayer): NewLayer => ({
  descriptor,
  diffId: layer.diffId,
})

/** Writes configuration and manifest of `base` with more layers on top. */
function describeImage(
  store: ImageStore,
  input: {
    readonly base?: StoredImage | undefined
    readonly layers: readonly NewLayer[]
    readonly changes: ImageChanges
    readonly createdBy: string
  },
): StoredImage {
  const { base, layers, changes } = input
  const old = base ? (JSON.parse(readBlob(store, base.id).toString()) as OldConfig) : {}
  const created = new Date().toISOString()
  const baseLayers = (base?.layers ?? []).map(({ mediaType, digest, size }) => ({
    mediaType: ociMediaType(mediaType),
    digest,
    size,
  }))
  const { message } = changes
  const entry = { created, created_by: input.createdBy, ...(message && { comment: message }) }
  const config = {
    ...old,
    created,
    architecture: old.architecture ?? HOST_PLATFORM.architecture,
    os: old.os ?? 'linux',
    ...(changes.author === undefined ? {} : { author: changes.author }),
    config: { ...old.config, ...changes.config },
    rootfs: {
      type: 'layers',
      diff_ids: [
        ...(base?.layers ?? []).map(({ diffId }) => diffId),
        ...layers.map(({ diffId }) => diffId),
      ],
    },
    history: [...(old.history ?? []), entry],
  }
  const text = JSON.stringify(config)
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: {
      mediaType: MEDIA.config,
      digest: writeBlob(store, text),
      size: Buffer.byteLength(text),
    },
    layers: [...baseLayers, ...layers.map(({ descriptor }) => descriptor)],
  }
  return addImage(store, writeBlob(store, JSON.stringify(manifest)))
}

interface OldConfig {
  readonly architecture?: string
  readonly os?: string
  readonly config?: object
  readonly history?: readonly object[]
}

/** Docker's words for layers are not those of an OCI manifest. */
function ociMediaType(mediaType: string): string {
  if (mediaType === MEDIA.dockerLayerGzip) return MEDIA.layerGzip
  return mediaType === MEDIA.dockerLayer ? MEDIA.layer : mediaType
}

/** Takes an archive of unknown size and digest into the store: through a file. */
async function keepLayer(store: ImageStore, source: Readable, draft: string): Promise<NewLayer> {
  const digester = new Digester()
  let compression: Compression | undefined
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    for await (const chunk of layerBytes(chunks)) {
      compression ??= sniffCompression(chunk)
      digester.update(chunk)
      yield chunk
    }
  }
  try {
    await pipeline(source, counted, createWriteStream(draft, { mode: 0o600 }))
  } catch (error) {
    throw spaceError(store.directory, error) ?? error
  }
  const size = digester.bytes
  const digest = digester.digest()
  if (size === 0) throw broken('archive', 'it is empty')
  const how = compression ?? 'none'
  const open = (start: number): AsyncIterable<Buffer> => createReadStream(draft, { start })
  const layer = await addLayer(store, { digest, size, compression: how }, { open })
  const mediaType = { none: MEDIA.layer, gzip: MEDIA.layerGzip, zstd: MEDIA.layerZstd }[how]
  return { descriptor: { mediaType, digest, size }, diffId: layer.diffId }
}
