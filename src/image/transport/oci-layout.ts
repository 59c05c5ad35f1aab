/** OCI image layouts: a directory, or the same as a tar archive. @see image-spec, image-layout.md */

import { createReadStream, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { IMAGE_CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX } from '../../limits.ts'
import type { ContentSource, RootDocument } from '../content.ts'
import { type Digest, hexOf } from '../digest.ts'
import { broken } from '../json.ts'
import type { Descriptor } from '../oci.ts'
import { MEDIA } from '../oci.ts'
import { parseDocument } from '../parse-manifest.ts'
import type { LayerSource } from '../store/add-layer.ts'
import { ArchiveFile } from './archive-file.ts'

/** Files of a layout by name, wherever they are. */
interface Layout {
  /** As errors call it. */
  readonly what: string
  read(name: string, bytesMax: number): Buffer
  stream(name: string, start: number): AsyncIterable<Buffer>
}

/** `tag`: which of several images is meant. @throws {EngineError} IMAGE, IMAGE_CORRUPT */
export function openLayoutDirectory(path: string, tag?: string): ContentSource {
  return contentOf(directoryLayout(path), tag)
}

export function openLayoutArchive(archive: ArchiveFile, path: string, tag?: string): ContentSource {
  const layout: Layout = {
    what: `image layout "${path}"`,
    read: (name, bytesMax) => archive.read(name, bytesMax),
    stream: (name, start) => archive.stream(name, start),
  }
  return contentOf(layout, tag)
}

function contentOf(layout: Layout, tag: string | undefined): ContentSource {
  const bytesMax = { manifest: MANIFEST_BYTES_MAX, config: IMAGE_CONFIG_BYTES_MAX }
  return {
    root: () => Promise.resolve(rootOf(layout, tag)),
    read: (descriptor, role) =>
      Promise.resolve(layout.read(blobName(descriptor.digest), bytesMax[role])),
    layer: (descriptor): LayerSource => ({
      open: (offset) => layout.stream(blobName(descriptor.digest), offset),
    }),
  }
}

const REF_NAME = 'org.opencontainers.image.ref.name'

/** The index itself when it lists one image for several machines, else what the one entry names. */
function rootOf(layout: Layout, tag: string | undefined): RootDocument {
  checkVersion(layout)
  const bytes = layout.read('index.json', MANIFEST_BYTES_MAX)
  const document = parseDocument(bytes, `index of ${layout.what}`, MEDIA.index)
  if (document.kind !== 'index') throw broken(layout.what, 'index.json is no index')
  const { manifests } = document.index
  const named = manifests.filter((each) => each.annotations?.[REF_NAME] === tag)
  const fitting = tag === undefined ? manifests : named
  const [only, ...more] = fitting
  if (only === undefined) throw noSuchTag(layout, tag, manifests)
  if (more.length === 0) return documentOf(layout, only)
  // Entries that differ only in their platform are one image; others need a name.
  if (tag === undefined && fitting.every(({ platform }) => platform !== undefined)) {
    const tags = new Set(fitting.map((each) => each.annotations?.[REF_NAME]))
    if (tags.size === 1) return { bytes, mediaType: MEDIA.index }
  }
  throw noSuchTag(layout, tag, manifests)
}

function documentOf(layout: Layout, descriptor: Descriptor): RootDocument {
  if (descriptor.size > MANIFEST_BYTES_MAX) {
    throw broken(layout.what, `a manifest has ${descriptor.size} bytes`)
  }
  const bytes = layout.read(blobName(descriptor.digest), MANIFEST_BYTES_MAX)
  return { bytes, mediaType: descriptor.mediaType || undefined, expected: descriptor }
}

function checkVersion(layout: Layout): void {
  const text = layout.read('oci-layout', 4096).toString()
  if (/"imageLayoutVersion"\s*:\s*"1\./.test(text)) return
  throw broken(layout.what, '"oci-layout" does not say version 1')
}

/** A digest has been checked to be one, so the name leads nowhere else. */
function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}

function directoryLayout(path: string): Layout {
  const what = `image layout "${path}"`
  return {
    what,
    read(name, bytesMax) {
      const full = checked(what, join(path, name), bytesMax)
      return readFileSync(full)
    },
    stream(name, start) {
      const full = checked(what, join(path, name), Infinity)
      return createReadStream(full, { start, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
    },
  }
}

/** The path, when it is a regular file: a pipe would make us wait for ever. */
function checked(what: string, path: string, bytesMax: number): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    throw new EngineError('IMAGE', `Cannot use the ${what}: "${path}" does not exist`, {
      hint: 'name a directory as "skopeo copy … oci:DIRECTORY" makes it',
    })
  }
  if (!stat.isFile()) throw broken(what, `"${path}" is no regular file`)
  if (stat.size > bytesMax) throw broken(what, `"${path}" has more than ${bytesMax} bytes`)
  return path
}

function noSuchTag(
  layout: Layout,
  tag: string | undefined,
  manifests: readonly Descriptor[],
): EngineError {
  const tags = manifests.map((each) => each.annotations?.[REF_NAME] ?? '(without a name)')
  const list = tags.length === 0 ? 'nothing' : tags.slice(0, 20).join(', ')
  const wanted = tag === undefined ? 'it has several images' : `it has no "${tag}"`
  return new EngineError('IMAGE', `Cannot use the ${layout.what}: ${wanted}; it has ${list}`, {
    hint: 'write which one after the path: oci:/srv/image:NAME',
  })
}
