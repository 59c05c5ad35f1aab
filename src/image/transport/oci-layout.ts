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

/** `which`: a tag, or the digest of an entry of the index. */
export function openLayoutArchive(
  archive: ArchiveFile,
  path: string,
  which?: string,
): ContentSource {
  return contentOf(archiveLayout(archive, `image layout "${path}"`), which)
}

function archiveLayout(archive: ArchiveFile, what: string): Layout {
  return {
    what,
    read: (name, bytesMax) => archive.read(name, bytesMax),
    stream: (name, start) => archive.stream(name, start),
  }
}

/** An image of a layout, and the whole names that the layout gives it. */
export interface LayoutEntry {
  readonly digest: Digest
  readonly names: readonly string[]
}

/** @throws {EngineError} IMAGE_CORRUPT */
export function layoutEntries(archive: ArchiveFile, what: string): readonly LayoutEntry[] {
  const names = new Map<Digest, string[]>()
  for (const { digest, annotations } of entriesOf(archiveLayout(archive, what))) {
    const name = annotations?.['io.containerd.image.name'] ?? annotations?.[REF_NAME] ?? ''
    const known = names.get(digest) ?? []
    // A tag alone is no name of an image.
    names.set(digest, /[/:]/.test(name) ? [...known, name] : known)
  }
  return [...names].map(([digest, list]) => ({ digest, names: list }))
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
  const manifests = entriesOf(layout)
  const bytes = layout.read('index.json', MANIFEST_BYTES_MAX)
  const named = manifests.filter(
    ({ digest, annotations }) => annotations?.[REF_NAME] === tag || digest === tag,
  )
  const fitting = tag === undefined ? manifests : named
  const [only, ...more] = fitting
  if (only === undefined) throw noSuchTag(layout, tag, manifests)
  const isOne = more.every(({ digest }) => digest === only.digest)
  if (isOne) return documentOf(layout, only)
  // Entries that differ only in their platform are one image; others need a name.
  if (tag === undefined && fitting.every(({ platform }) => platform !== undefined)) {
    const tags = new Set(fitting.map((each) => each.annotations?.[REF_NAME]))
    if (tags.size === 1) return { bytes, mediaType: MEDIA.index }
  }
  throw noSuchTag(layout, tag, manifests)
}

function entriesOf(layout: Layout): readonly Descriptor[] {
  checkVersion(layout)
  const bytes = layout.read('index.json', MANIFEST_BYTES_MAX)
  const document = parseDocument(bytes, `index of ${layout.what}`, MEDIA.index)
  if (document.kind === 'index') return document.index.manifests
  throw broken(layout.what, 'index.json is no index')
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
