/** Layers that are made here: of what a container has changed, or of a whole directory. */

import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type Digest, Digester } from '../digest.ts'
import { archiveDirectory, type ArchiveOptions } from '../layer/archive.ts'
import { type Descriptor, MEDIA } from '../oci.ts'
import { addLayer } from './add-layer.ts'
import { hasBlob, writeDiffId } from './blobs.ts'
import { createReadStream } from 'node:fs'
import { findLayer, LayerDraft, type StoredLayer } from './layers.ts'
import { blobPath, type ImageStore, placeOf } from './places.ts'
import { SpaceWatch, spaceError } from './space.ts'

/** A layer of the store, and how a manifest names it. */
export interface MadeLayer {
  readonly layer: StoredLayer
  /** An archive that is not packed: its digest is the diff ID. */
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>
}

/**
 * Archives `directory`, an upper layer of overlayfs or a tree, into the store. With `adopt` the
 * directory itself becomes the unpacked layer, and is gone from where it was: it has to be in
 * overlay form already, on the store's file system, and nobody may use it any more; what `includes`
 * leaves out must not be there.
 * @throws {EngineError} DISK_FULL
 */
export async function makeLayer(
  store: ImageStore,
  directory: string,
  options: ArchiveOptions & { readonly adopt?: boolean; readonly signal?: AbortSignal } = {},
): Promise<MadeLayer> {
  const { digest, size, entries } = writeArchive(store, directory, options)
  const descriptor = { mediaType: MEDIA.layer, digest, size }
  if (options.adopt === true) {
    using draft = new LayerDraft(store)
    draft.adopt(directory)
    const layer = draft.publish(digest, { entries, bytes: size, isOpaque: false })
    return { layer, descriptor }
  }
  const known = findLayer(store, digest)
  if (known) return { layer: known, descriptor }
  const wish = { digest, size, compression: 'none' as const, diffId: digest }
  const open = (start: number) => createReadStream(blobPath(store, digest), { start })
  const { signal } = options
  const layer = await addLayer(store, wish, { open }, signal ? { signal } : {})
  return { layer, descriptor }
}

/** The archive as a blob of the store. */
function writeArchive(
  store: ImageStore,
  directory: string,
  options: ArchiveOptions,
): { readonly digest: Digest; readonly size: number; readonly entries: number } {
  const draft = placeOf(store, 'drafts', `archive-${process.pid}-${performance.now()}`)
  const space = new SpaceWatch(store.directory)
  const digester = new Digester()
  let entries = 0
  const fd = openSync(draft, 'wx', 0o600)
  try {
    // A hole of a terabyte is zeros in an archive.
    const onFile = (bytes: number): void => space.check(bytes)
    for (const chunk of archiveDirectory(directory, { ...options, onFile })) {
      space.take(chunk.length)
      digester.update(chunk)
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
      entries += 1
    }
    const size = digester.bytes
    const digest = digester.digest()
    if (!hasBlob(store, digest)) renameSync(draft, blobPath(store, digest))
    writeDiffId(store, digest, digest)
    return { digest, size, entries }
  } catch (error) {
    throw spaceError(store.directory, error) ?? error
  } finally {
    closeSync(fd)
    rmSync(draft, { force: true })
  }
}
