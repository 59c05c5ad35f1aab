/**
 * Takes a layer into the store while its bytes come: hashed, unpacked and written at once, and
 * visible only when everything is what it was said to be.
 */

import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { EngineError, errorText } from '../../errors.ts'
import { type Digest, Digester, hexOf } from '../digest.ts'
import { broken } from '../json.ts'
import { createDecompressor } from '../layer/decompress.ts'
import { LayerWriter } from '../layer/extract.ts'
import { notePassed } from '../layer/passed-bytes.ts'
import type { Compression } from '../oci.ts'
import { type TarHandler, TarReader } from '../tar/reader.ts'
import { blobBytes, diffIdOf, hasBlob, writeDiffId } from './blobs.ts'
import { findLayer, LayerDraft, type StoredLayer } from './layers.ts'
import { lock } from './lock.ts'
import { blobPath, type ImageStore, partialPath } from './places.ts'
import { SpaceWatch, spaceError } from './space.ts'

export interface LayerWish {
  readonly digest: Digest
  /** Of the packed bytes. */
  readonly size: number
  readonly compression: Compression
  /** Absent: whatever comes out, as when an archive says nothing of it. */
  readonly diffId?: Digest
}

export interface LayerSource {
  /** The packed bytes from `offset` on. */
  open(offset: number): AsyncIterable<Buffer>
}

export interface AddOptions {
  readonly signal?: AbortSignal | undefined
  /** So many packed bytes of the layer are there. */
  readonly onBytes?: (bytes: number) => void
  /** Another process is getting the same layer. */
  readonly onWait?: () => void
}

/**
 * The layer, from the store or from `source`. Several who want the same at once share the work.
 * @throws {EngineError} IMAGE_CORRUPT, DISK_FULL, and what `source` throws
 */
export async function addLayer(
  store: ImageStore,
  wish: LayerWish,
  source: LayerSource,
  options: AddOptions = {},
): Promise<StoredLayer> {
  const { signal, onWait } = options
  const locking = { signal, ...(onWait ? { onWait } : {}) }
  using _lock = await lock(store, hexOf(wish.digest), locking)
  const present = findWanted(store, wish)
  if (present) {
    options.onBytes?.(wish.size)
    return present
  }
  try {
    return await take(store, wish, source, options)
  } catch (error) {
    if (!isCorrupt(error) || !(await dropOwnBytes(store, wish.digest))) throw error
  }
  // What we had kept ourselves was broken, by a power cut perhaps: once more, all of it.
  return take(store, wish, source, options)
}

async function take(
  store: ImageStore,
  wish: LayerWish,
  source: LayerSource,
  options: AddOptions,
): Promise<StoredLayer> {
  const path = partialPath(store, wish.digest)
  const isHere = hasBlob(store, wish.digest)
  const wasBegun = existsSync(path)
  try {
    const layer = await new Intake(store, wish, options).run(
      isHere ? fromFile(blobPath(store, wish.digest)) : source,
      isHere ? undefined : path,
    )
    if (!isHere) renameSync(path, blobPath(store, wish.digest))
    writeDiffId(store, wish.digest, layer.diffId)
    return layer
  } catch (error) {
    // What a broken connection has left is worth keeping; wrong bytes and a full disk are not.
    const isWorthless = error instanceof EngineError && error.code !== 'REGISTRY'
    if (isWorthless && !(wasBegun && isCorrupt(error))) rmSync(path, { force: true })
    throw error
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'IMAGE_CORRUPT'
}

/**
 * Throws away what we had of the blob before; false when there was nothing wrong with it: a blob
 * that is what its digest says stays, whatever an image takes it for. It may be another's manifest.
 */
async function dropOwnBytes(store: ImageStore, digest: Digest): Promise<boolean> {
  const partial = partialPath(store, digest)
  const blob = blobPath(store, digest)
  const isBegun = existsSync(partial)
  rmSync(partial, { force: true })
  if (!existsSync(blob) || (await digestOfFile(blob)) === digest) return isBegun
  rmSync(blob)
  return true
}

async function digestOfFile(path: string): Promise<Digest> {
  const digester = new Digester()
  for await (const chunk of fromFile(path).open(0)) digester.update(chunk)
  return digester.digest()
}

/** The layer when blob and directory are there, and known to belong together. */
function findWanted(store: ImageStore, wish: LayerWish): StoredLayer | undefined {
  const { digest, diffId, size } = wish
  const known = hasBlob(store, digest) ? diffIdOf(store, digest) : undefined
  if (known === undefined) return undefined
  const bytes = blobBytes(store, digest)
  if (bytes !== size) throw broken(`layer ${digest}`, `it has ${bytes} bytes, and not ${size}`)
  if (diffId !== undefined && diffId !== known) throw wrongDiffId(digest, diffId, known)
  return findLayer(store, known)
}

/** One layer on its way in. */
class Intake {
  readonly #store: ImageStore
  readonly #wish: LayerWish
  readonly #options: AddOptions
  readonly #packed = new Digester()
  readonly #unpacked = new Digester()
  readonly #space: SpaceWatch

  constructor(store: ImageStore, wish: LayerWish, options: AddOptions) {
    this.#store = store
    this.#wish = wish
    this.#options = options
    this.#space = new SpaceWatch(store.directory)
  }

  /** `partial`: where the packed bytes are kept; those in it already are not asked for again. */
  async run(source: LayerSource, partial: string | undefined): Promise<StoredLayer> {
    using draft = new LayerDraft(this.#store)
    // Unpacked only for its digest when the layer itself is there.
    const { diffId } = this.#wish
    const present = diffId === undefined ? undefined : findLayer(this.#store, diffId)
    const onBytes = (bytes: number): void => this.#space.take(bytes)
    const writer = present ? undefined : new LayerWriter(draft.root, { onBytes })
    const reader = new TarReader(writer ?? NOTHING)
    const decompressor = createDecompressor(this.#wish.compression, (chunk) => {
      this.#unpacked.update(chunk)
      notePassed(chunk.length)
      reader.push(chunk)
    })
    try {
      await this.#copy(source, partial, (chunk) => decompressor.write(chunk))
      this.#checkPacked()
      await decompressor.end()
      reader.end()
      const extracted = writer?.finish()
      const found = this.#unpacked.digest()
      if (diffId !== undefined && found !== diffId) {
        throw wrongDiffId(this.#wish.digest, diffId, found)
      }
      return present ?? draft.publish(found, extracted ?? { entries: 0, bytes: 0, isOpaque: false })
    } catch (error) {
      throw this.#explain(error)
    } finally {
      decompressor.destroy()
      writer?.close()
    }
  }

  /** Hands on all packed bytes: those kept from an earlier try, then the source's. */
  async #copy(
    source: LayerSource,
    partial: string | undefined,
    take: (chunk: Buffer) => Promise<void> | void,
  ): Promise<void> {
    if (partial !== undefined && existsSync(partial)) {
      for await (const chunk of fromFile(partial).open(0)) await this.#take(chunk, take)
    }
    const fd = partial === undefined ? undefined : openSync(partial, 'a', 0o600)
    try {
      if (this.#packed.bytes === this.#wish.size) return
      for await (const chunk of source.open(this.#packed.bytes)) {
        if (fd !== undefined) {
          this.#space.take(chunk.length)
          for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
        }
        await this.#take(chunk, take)
      }
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }

  async #take(chunk: Buffer, take: (chunk: Buffer) => Promise<void> | void): Promise<void> {
    this.#options.signal?.throwIfAborted()
    this.#packed.update(chunk)
    notePassed(chunk.length)
    if (this.#packed.bytes > this.#wish.size) {
      throw broken(this.#what(), `it is larger than the ${this.#wish.size} bytes it should have`)
    }
    this.#options.onBytes?.(this.#packed.bytes)
    await take(chunk)
  }

  #checkPacked(): void {
    const { bytes } = this.#packed
    const { size, digest } = this.#wish
    if (bytes !== size) throw broken(this.#what(), `it has ${bytes} of ${size} bytes`)
    const found = this.#packed.digest()
    if (found !== digest) throw broken(this.#what(), `its bytes have the digest ${found}`)
  }

  #explain(error: unknown): unknown {
    if (error instanceof EngineError) return error
    if (error instanceof Error && error.name === 'AbortError') return error
    const full = spaceError(this.#store.directory, error)
    if (full) return full
    const why = errorText(error)
    return broken(this.#what(), why, error)
  }

  #what(): string {
    return `layer ${this.#wish.digest}`
  }
}

/** For a layer that is unpacked already. */
const NOTHING: TarHandler = {
  entry: () => undefined,
  data: () => undefined,
  entryEnd: () => undefined,
}

function fromFile(path: string): LayerSource {
  return {
    open: (start) =>
      createReadStream(path, { start, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>,
  }
}

function wrongDiffId(digest: Digest, wanted: Digest, found: Digest): EngineError {
  return broken(`layer ${digest}`, `it unpacks to ${found}, and not to ${wanted} as its image says`)
}
