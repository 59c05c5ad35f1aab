/** Writes images into archives that Docker, podman and skopeo load, and that are OCI layouts too. */

import { createReadStream } from 'node:fs'
import { digestOf, hexOf, isDigest } from './digest.ts'
import type { Digest } from './digest.ts'
import { MEDIA } from './oci.ts'
import { blobBytes, readBlob } from './store/blobs.ts'
import type { StoredImage } from './store/images.ts'
import { blobPath, type ImageStore } from './store/places.ts'
import type { TarEntry } from './tar/entry.ts'
import { END_OF_ARCHIVE, headerBytes, paddingFor } from './tar/writer.ts'

export interface SavedImage {
  readonly image: StoredImage
  /** Whole names: `docker.io/library/nginx:latest`. */
  readonly names: readonly string[]
}

/** The archive, in pieces: an OCI layout with the `manifest.json` of `docker save` beside it. */
export async function* saveImages(
  store: ImageStore,
  images: readonly SavedImage[],
): AsyncGenerator<Buffer, void> {
  yield* member('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
  const blobs = new Set<Digest>()
  for (const { image } of images) {
    for (const { digest } of image.layers) blobs.add(digest)
    for (const digest of [image.id, image.manifest]) blobs.add(digest)
  }
  yield headerBytes(entry('blobs/', 0, 'directory'))
  yield headerBytes(entry('blobs/sha256/', 0, 'directory'))
  for (const digest of [...blobs].toSorted()) yield* blobMember(store, digest)
  yield* member('index.json', Buffer.from(JSON.stringify(indexOf(store, images))))
  yield* member('manifest.json', Buffer.from(JSON.stringify(images.map(dockerEntry))))
  yield END_OF_ARCHIVE
}

function indexOf(store: ImageStore, images: readonly SavedImage[]): object {
  return {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: images.flatMap(({ image, names }) => {
      const bytes = readBlob(store, image.manifest)
      const descriptor = {
        mediaType: mediaTypeOf(bytes),
        digest: digestOf(bytes),
        size: bytes.length,
        platform: image.platform,
      }
      if (names.length === 0) return [descriptor]
      return names.map((name) => ({
        ...descriptor,
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': /:([^/:@]+)$/.exec(name)?.[1] ?? 'latest',
        },
      }))
    }),
  }
}

function mediaTypeOf(manifest: Buffer): string {
  const { mediaType } = JSON.parse(manifest.toString()) as { mediaType?: unknown }
  return typeof mediaType === 'string' ? mediaType : MEDIA.manifest
}

/** Docker wants names as people write them. */
function dockerEntry({ image, names }: SavedImage): object {
  return {
    Config: `blobs/sha256/${hexOf(image.id)}`,
    RepoTags: names.map((name) => name.replace(/^docker\.io\/(?:library\/)?/, '')),
    Layers: image.layers.map(({ digest }) => `blobs/sha256/${hexOf(digest)}`),
  }
}

async function* blobMember(store: ImageStore, digest: Digest): AsyncGenerator<Buffer, void> {
  if (!isDigest(digest)) return
  const size = blobBytes(store, digest)
  yield headerBytes(entry(`blobs/sha256/${hexOf(digest)}`, size))
  yield* createReadStream(blobPath(store, digest), {
    highWaterMark: 256 * 1024,
  }) as AsyncIterable<Buffer>
  yield paddingFor(size)
}

function* member(name: string, content: Buffer): Generator<Buffer, void> {
  yield headerBytes(entry(name, content.length))
  yield content
  yield paddingFor(content.length)
}

/** Without times and owners: the same images give the same archive. */
function entry(name: string, size: number, kind: 'file' | 'directory' = 'file'): TarEntry {
  return {
    kind,
    name: Buffer.from(name),
    link: Buffer.alloc(0),
    mode: kind === 'file' ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size,
    seconds: 0,
    nanoseconds: 0,
    major: 0,
    minor: 0,
    xattrs: new Map(),
  }
}
