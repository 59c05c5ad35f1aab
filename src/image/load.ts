/** Loads archives of images: those of `docker save`, `podman save`, skopeo and ourselves. */

import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError } from '../errors.ts'
import type { ContentSource, ImageEvent } from './content.ts'
import { broken } from './json.ts'
import { sniffPacking, unpacked } from './layer/decompress.ts'
import { HOST_PLATFORM } from './platform.ts'
import type { Platform } from './oci.ts'
import { formatReference, parseReference } from './reference.ts'
import type { StoredImage } from './store/images.ts'
import { holdStore } from './store/lock.ts'
import { changeNames } from './store/names.ts'
import { type ImageStore, placeOf } from './store/places.ts'
import { SpaceWatch, spaceError } from './store/space.ts'
import { takeImage } from './take-image.ts'
import { ArchiveFile } from './transport/archive-file.ts'
import { imagesOfArchive, openArchived } from './transport/docker-archive.ts'
import { layoutEntries, openLayoutArchive } from './transport/oci-layout.ts'

export interface LoadOptions {
  /** As errors call it. */
  readonly what: string
  /** Gives the only image this name, whatever the archive calls it. */
  readonly name?: string | undefined
  /** Names of the archive that mean another image here are moved to the new one. */
  readonly replace?: boolean | undefined
  readonly platform?: Platform | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: ImageEvent) => void) | undefined
}

export interface LoadedImage {
  readonly image: StoredImage
  readonly names: readonly string[]
  /** Names of the archive that were not given, because they mean another image here. */
  readonly refused: readonly string[]
}

/**
 * `source`: a file, or a stream such as standard input. Archives that are packed with
 * gzip, zstd, xz or bzip2 are unpacked first.
 * @throws {EngineError} IMAGE, IMAGE_CORRUPT, DISK_FULL
 */
export async function loadImages(
  store: ImageStore,
  source: string | Readable,
  options: LoadOptions,
): Promise<readonly LoadedImage[]> {
  using _hold = await holdStore(store, options.signal)
  using plain = await plainFile(store, source)
  using archive = new ArchiveFile(plain.path, typeof source === 'string' ? undefined : 'archive')
  const found = await imagesIn(archive, options.what)
  if (options.name !== undefined && found.length !== 1) {
    throw new EngineError(
      'IMAGE',
      `Cannot name the images of ${options.what}: it has ${found.length}`,
    )
  }
  const loaded: LoadedImage[] = []
  for (const { content, names } of found) {
    const { image } = await takeImage(store, await content(), {
      image: options.name ?? names[0] ?? options.what,
      platform: options.platform ?? HOST_PLATFORM,
      signal: options.signal,
      onEvent: options.onEvent,
    })
    loaded.push(await giveNames(store, image, { names, ...options }))
  }
  return loaded
}

interface Found {
  readonly names: readonly string[]
  readonly content: () => Promise<ContentSource>
}

/** What Docker wrote about the archive counts before what OCI says: it has the names. */
async function imagesIn(archive: ArchiveFile, what: string): Promise<readonly Found[]> {
  if (archive.has('manifest.json') && !archive.has('oci-layout')) {
    return imagesOfArchive(archive, what).map((image) => ({
      names: image.names,
      content: () => openArchived(archive, image, what),
    }))
  }
  const entries = layoutEntries(archive, what)
  return entries.map(({ names, digest }) => ({
    names: names.map((name) => formatReference(parseReference(name))),
    content: () => Promise.resolve(openLayoutArchive(archive, what, digest)),
  }))
}

/** A name that an archive brings must not quietly take the place of another image. */
async function giveNames(
  store: ImageStore,
  image: StoredImage,
  { names, name, replace }: LoadOptions & { readonly names: readonly string[] },
): Promise<LoadedImage> {
  const wanted = name === undefined ? names : [formatReference(parseReference(name))]
  const isMeant = name !== undefined || replace === true
  let given: readonly string[] = []
  await changeNames(store, (all) => {
    given = wanted.filter((each) => {
      const other = all.get(each)
      return isMeant || other === undefined || other.manifest === image.manifest
    })
    for (const each of given) all.set(each, { manifest: image.manifest, at: Date.now() })
  })
  return { image, names: given, refused: wanted.filter((each) => !given.includes(each)) }
}

interface PlainFile extends Disposable {
  readonly path: string
}

/** The archive as a file that can be read anywhere. */
async function plainFile(store: ImageStore, source: string | Readable): Promise<PlainFile> {
  const isFile = typeof source === 'string'
  const path = isFile ? source : await copyOf(store, source)
  const remove = (): void => {
    if (!isFile) rmSync(path, { force: true })
  }
  try {
    const packing = isFile && !isRegular(source) ? 'none' : sniffPacking(startOf(path))
    if (packing === 'none') return { path, [Symbol.dispose]: remove }
    const plain = await copyOf(store, unpacked(createReadStream(path), packing))
    remove()
    return { path: plain, [Symbol.dispose]: () => rmSync(plain, { force: true }) }
  } catch (error) {
    remove()
    throw error
  }
}

async function copyOf(store: ImageStore, source: AsyncIterable<Buffer>): Promise<string> {
  const path = placeOf(store, 'drafts', `load-${process.pid}-${performance.now()}`)
  const space = new SpaceWatch(store.directory)
  try {
    const watched = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
      for await (const chunk of chunks) {
        space.take(chunk.length)
        yield chunk
      }
    }
    await pipeline(source, watched, createWriteStream(path, { mode: 0o600 }))
    return path
  } catch (error) {
    rmSync(path, { force: true })
    const full = spaceError(store.directory, error)
    throw full ?? (error instanceof RangeError ? broken('archive', error.message, error) : error)
  }
}

/** To look into a pipe would take something out of it. */
function isRegular(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function startOf(path: string): Buffer {
  let fd
  try {
    fd = openSync(path, 'r')
    const start = Buffer.alloc(6)
    return start.subarray(0, readSync(fd, start))
  } catch {
    // Whoever reads it in earnest says what is wrong with it.
    return Buffer.alloc(0)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
