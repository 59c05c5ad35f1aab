/** The image store as the builder needs it. */

import { createReadStream, lstatSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { BaseImage, ImageDocument, LayerRecord, LayerStore } from '../../build/index.ts'
import {
  addLayer,
  addNewImage,
  blobPath,
  type Digest,
  findLayer,
  type ImageEvent,
  type ImageStore,
  isDigest,
  keepCached,
  makeLayer,
  obtainImage,
  parseImageSource,
  parsePlatform,
  parsePolicy,
  readBlob,
  spaceError,
  type StoredImage,
} from '../../image/index.ts'
import { removeXattr, readXattrs } from '../../linux/index.ts'

/** Where base images come from. */
export interface BaseSource {
  /** Relative paths of images begin here. */
  readonly directory: string
  /** The user's: credentials and proxies are found by it. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onEvent: (event: ImageEvent) => void
}

export function layerStore(store: ImageStore, source: BaseSource): LayerStore {
  return {
    drafts: posix.join(store.directory, 'drafts'),
    base: async (image, { pull, platform, signal }) => {
      const wish = {
        image,
        source: parseImageSource(image, source.directory),
        policy: parsePolicy(pull ? 'always' : 'missing'),
        platform: parsePlatform(platform),
      }
      const { env, onEvent } = source
      return baseOf(store, await obtainImage(store, wish, { env, onEvent, signal }))
    },
    keep: (diffId) => void (isDigest(diffId) && keepCached(store, diffId)),
    blobOf: (digest) => blobPath(store, known(digest)),
    takeLayer: async ({ size, ...layer }, path, signal) => {
      const digest = known(layer.digest)
      const wish = { digest, size, compression: 'none', diffId: digest } as const
      const open = (start: number): AsyncIterable<Buffer> => createReadStream(path, { start })
      await addLayer(store, wish, { open }, { signal })
      keepCached(store, digest)
    },
    failure: (error) => spaceError(store.directory, error) ?? error,
    directoryOf: (diffId) => (isDigest(diffId) ? findLayer(store, diffId)?.directory : undefined),
    addLayer: async ({ upper, lowers }, { latest, signal }) => {
      clearOpaque(upper, lowers)
      const options = { adopt: true, secondsMax: latest, signal }
      const { layer, descriptor } = await makeLayer(store, upper, options)
      keepCached(store, layer.diffId)
      return { ...descriptor, diffId: layer.diffId }
    },
    addImage: async ({ document, layers, names }) => {
      const checked = layers.map((layer) => ({
        ...layer,
        digest: known(layer.digest),
        diffId: known(layer.diffId),
      }))
      return addNewImage(store, { document, layers: checked, names })
    },
  }
}

function known(digest: string): Digest {
  if (isDigest(digest)) return digest
  throw new Error(`"${digest}" is no digest`)
}

/** Of overlayfs: what lies below the directory is hidden. */
const OPAQUE = 'trusted.overlay.opaque'

/** The kernel marks every new directory as hiding what is below it, also where nothing is. */
function clearOpaque(upper: string, lowers: readonly string[], path = ''): void {
  const directory = join(upper, path)
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const inner = join(path, entry.name)
    const full = join(upper, inner)
    // Through directories only: a link of a layer must not lead out of it.
    const below = lowers.filter((lower) => isThere(join(lower, inner)))
    if (below.length === 0 && readXattrs(full).has(OPAQUE)) removeXattr(full, OPAQUE)
    const inside = below.filter((lower) => lstatSync(join(lower, inner)).isDirectory())
    clearOpaque(upper, inside, inner)
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function baseOf(store: ImageStore, { id, layers }: StoredImage): BaseImage {
  // Checked when it came into the store.
  const document = JSON.parse(readBlob(store, id).toString('utf8')) as Partial<ImageDocument>
  const known: readonly LayerRecord[] = layers
  return {
    document: {
      architecture: '',
      os: 'linux',
      ...document,
      config: document.config ?? {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: document.history ?? [],
    },
    layers: known,
  }
}
