/** Takes an image into the store: manifest, configuration and layers, each checked as it comes. */

import { EngineError } from '../errors.ts'
import { IMAGE_CONFIG_BYTES_MAX, LAYERS_AT_ONCE, MANIFEST_BYTES_MAX } from '../limits.ts'
import { inParallel } from './in-parallel.ts'
import type { ContentSource, ImageEvent, RootDocument } from './content.ts'
import { type Digest, digestOf, shortId } from './digest.ts'
import { broken } from './json.ts'
import type { Descriptor, Manifest, Platform } from './oci.ts'
import { parseConfig } from './parse-config.ts'
import { parseDocument } from './parse-manifest.ts'
import { choosePlatform, formatPlatform } from './platform.ts'
import { addLayer } from './store/add-layer.ts'
import { hasBlob, readBlob, writeBlob } from './store/blobs.ts'
import { addImage, checkLayers, findImage, type StoredImage } from './store/images.ts'
import { holdStore } from './store/lock.ts'
import type { ImageStore } from './store/places.ts'

export interface TakeOptions {
  /** As the user calls the image. */
  readonly image: string
  readonly platform: Platform
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: ImageEvent) => void) | undefined
}

export interface Taken {
  readonly image: StoredImage
  /** Digest of what the name means at its source: an index, or the manifest. */
  readonly root: Digest
}

/** @throws {EngineError} IMAGE, IMAGE_CORRUPT, DISK_FULL, and what `content` throws */
export async function takeImage(
  store: ImageStore,
  content: ContentSource,
  options: TakeOptions,
): Promise<Taken> {
  using _hold = await holdStore(store, options.signal)
  const what = `image "${options.image}"`
  const root = await content.root()
  if (root.expected) verified(root.bytes, root.expected, `manifest of ${what}`)
  const rootDigest = digestOf(root.bytes)
  const bytes = await manifestBytes(content, root, options)
  const digest = digestOf(bytes)
  const known = findImage(store, digest)
  if (known && isWhole(store, known)) {
    const { manifest } = known
    options.onEvent?.({ phase: 'done', image: options.image, manifest, bytes: 0, isNew: false })
    return { image: known, root: rootDigest }
  }
  const document = parseDocument(bytes, `manifest of ${what}`, root.mediaType)
  if (document.kind === 'index') throw broken(what, 'an index in it names another index')
  const loaded = await takeParts(store, { content, manifest: document.manifest, options })
  const image = addImage(store, writeBlob(store, bytes))
  const { manifest } = image
  options.onEvent?.({ phase: 'done', image: options.image, manifest, bytes: loaded, isNew: true })
  return { image, root: rootDigest }
}

/** The manifest itself, chosen from the index when the name means one. */
async function manifestBytes(
  content: ContentSource,
  root: RootDocument,
  { image, platform }: TakeOptions,
): Promise<Buffer> {
  const what = `image "${image}"`
  const document = parseDocument(root.bytes, `manifest of ${what}`, root.mediaType)
  if (document.kind === 'manifest') return root.bytes
  const chosen = choosePlatform(document.index, platform, what)
  checkSize(chosen, MANIFEST_BYTES_MAX, `manifest of ${what}`)
  return verified(await content.read(chosen, 'manifest'), chosen, `manifest of ${what}`)
}

/** Configuration and layers; the result is how many packed bytes had to come. */
async function takeParts(
  store: ImageStore,
  input: {
    readonly content: ContentSource
    readonly manifest: Manifest
    readonly options: TakeOptions
  },
): Promise<number> {
  const { content, manifest, options } = input
  const what = `image "${options.image}"`
  checkSize(manifest.config, IMAGE_CONFIG_BYTES_MAX, `configuration of ${what}`)
  const bytes = await configBytes(store, content, manifest.config, what)
  const config = parseConfig(bytes, `configuration of ${what}`)
  checkLayers(config, manifest.layers, what)
  checkPlatform(config.platform, options)
  const loaded = new Map<Digest, number>()
  // The same layer may occur twice; it is fetched once.
  const wishes = new Map(
    manifest.layers.map((layer, at) => [layer.digest, { layer, diffId: config.diffIds[at] }]),
  )
  await inParallel([...wishes.values()], LAYERS_AT_ONCE, async ({ layer, diffId }, signal) => {
    const isHere = hasBlob(store, layer.digest)
    const progress = new Progress(options, layer)
    const wish = { ...layer, ...(diffId === undefined ? {} : { diffId }) }
    await addLayer(store, wish, content.layer(layer), {
      signal: AbortSignal.any([signal, ...(options.signal ? [options.signal] : [])]),
      onBytes: (count) => progress.report(count),
      onWait: () => progress.waiting(),
    })
    progress.done()
    if (!isHere) loaded.set(layer.digest, layer.size)
  })
  writeBlob(store, bytes)
  return [...loaded.values()].reduce((sum, size) => sum + size, 0)
}

async function configBytes(
  store: ImageStore,
  content: ContentSource,
  config: Descriptor,
  what: string,
): Promise<Buffer> {
  if (hasBlob(store, config.digest)) {
    const known = readBlob(store, config.digest)
    if (digestOf(known) === config.digest) return known
  }
  return verified(await content.read(config, 'config'), config, `configuration of ${what}`)
}

/** Tells of one layer, a few times a second at most. */
class Progress {
  readonly #options: TakeOptions
  readonly #layer: Descriptor
  #last = 0

  constructor(options: TakeOptions, layer: Descriptor) {
    this.#options = options
    this.#layer = layer
  }

  report(bytes: number): void {
    const now = performance.now()
    if (now - this.#last < PROGRESS_MS) return
    this.#last = now
    this.#emit(bytes, 'loading')
  }

  waiting(): void {
    this.#emit(0, 'waiting')
  }

  done(): void {
    this.#emit(this.#layer.size, 'done')
  }

  #emit(bytes: number, state: 'loading' | 'waiting' | 'done'): void {
    const { image, onEvent } = this.#options
    const { digest, size } = this.#layer
    onEvent?.({ phase: 'layer', image, layer: shortId(digest), bytes, size, state })
  }
}

/** Faster than this nobody reads. */
const PROGRESS_MS = 100

function isWhole(store: ImageStore, image: StoredImage): boolean {
  return image.layers.every(({ digest }) => hasBlob(store, digest))
}

function checkSize({ size }: Descriptor, bytesMax: number, what: string): void {
  if (size > bytesMax) throw broken(what, `it has ${size} bytes; ${bytesMax} are the most`)
}

function verified(
  bytes: Buffer,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  what: string,
): Buffer {
  if (bytes.length !== size) throw broken(what, `it has ${bytes.length} of ${size} bytes`)
  const found = digestOf(bytes)
  if (found !== digest) throw broken(what, `its bytes have the digest ${found}, not ${digest}`)
  return bytes
}

/** An image without a word about its architecture is taken to fit. */
function checkPlatform(platform: Platform, { image, platform: wanted }: TakeOptions): void {
  const isFitting = platform.architecture === '' || platform.architecture === wanted.architecture
  if (platform.os === wanted.os && isFitting) return
  const [has, needs] = [formatPlatform(platform), formatPlatform(wanted)]
  throw new EngineError('IMAGE', `Cannot use image "${image}": it is for ${has}, not ${needs}`, {
    hint: 'use an image for this machine, or say "platform:" where another one is meant',
  })
}
