/** Archives of `docker save`: a list of images, each a configuration and its layers. */

import { posix } from 'node:path'
import { EngineError } from '../../errors.ts'
import { IMAGE_CONFIG_BYTES_MAX, IMAGE_LAYERS_MAX, MANIFEST_BYTES_MAX } from '../../limits.ts'
import type { ContentSource } from '../content.ts'
import { type Digest, Digester, digestOf } from '../digest.ts'
import { asObject, broken, listField, textField, textsField } from '../json.ts'
import { sniffCompression } from '../layer/decompress.ts'
import { type Compression, type Descriptor, MEDIA } from '../oci.ts'
import { parseConfig } from '../parse-config.ts'
import { formatReference, parseReference } from '../reference.ts'
import type { ArchiveFile } from './archive-file.ts'

/** One image of an archive. */
export interface ArchivedImage {
  /** Whole names that the archive gives it. */
  readonly names: readonly string[]
  readonly config: string
  readonly layers: readonly string[]
}

/** @throws {EngineError} IMAGE_CORRUPT */
export function imagesOfArchive(archive: ArchiveFile, what: string): readonly ArchivedImage[] {
  let list: unknown
  try {
    list = JSON.parse(archive.read('manifest.json', MANIFEST_BYTES_MAX).toString())
  } catch (cause) {
    if (cause instanceof EngineError) throw cause
    throw broken(what, '"manifest.json" is no JSON', cause)
  }
  if (!Array.isArray(list) || list.length === 0) throw broken(what, '"manifest.json" is no list')
  return list.map((value: unknown) => {
    const object = asObject(value, `"manifest.json" of the ${what}`)
    const layers = textsField(object, 'Layers', what) ?? []
    if (layers.length > IMAGE_LAYERS_MAX) {
      throw broken(what, `an image has ${layers.length} layers; ${IMAGE_LAYERS_MAX} are the most`)
    }
    const names = (listField(object, 'RepoTags', what) ?? []).map((tag) =>
      formatReference(parseReference(String(tag))),
    )
    return { names, config: textField(object, 'Config', what) ?? '', layers }
  })
}

/** The image named `tag`, or the only one. @throws {EngineError} IMAGE */
export function chooseArchived(
  images: readonly ArchivedImage[],
  tag: string | undefined,
  what: string,
): ArchivedImage {
  const wanted = tag === undefined ? undefined : formatReference(parseReference(tag))
  const fitting = images.filter(({ names }) => wanted === undefined || names.includes(wanted))
  const [only, ...more] = fitting
  if (only !== undefined && more.length === 0) return only
  const known = images.flatMap(({ names }) => names)
  const list = known.length === 0 ? 'no names' : known.slice(0, 20).join(', ')
  const why = wanted === undefined ? 'it has several images' : `it has no "${wanted}"`
  throw new EngineError('IMAGE', `Cannot use the ${what}: ${why}; it has ${list}`, {
    hint: 'write which one after the path: docker-archive:/srv/images.tar:NAME:TAG',
  })
}

/** The image as registries would have it: its manifest is made here. */
export async function openArchived(
  archive: ArchiveFile,
  { config, layers }: ArchivedImage,
  what: string,
): Promise<ContentSource> {
  const configBytes = archive.read(config, IMAGE_CONFIG_BYTES_MAX)
  const { diffIds } = parseConfig(configBytes, `configuration of the ${what}`)
  if (diffIds.length !== layers.length) {
    throw broken(what, `it has ${layers.length} layers, and diff_ids for ${diffIds.length}`)
  }
  const members = new Map<Digest, string>()
  const descriptors: Descriptor[] = []
  for (const [at, name] of layers.entries()) {
    const descriptor = await describeLayer(archive, posix.normalize(name), diffIds[at])
    members.set(descriptor.digest, name)
    descriptors.push(descriptor)
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: {
      mediaType: MEDIA.config,
      digest: digestOf(configBytes),
      size: configBytes.length,
    },
    layers: descriptors,
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  return {
    root: () => Promise.resolve({ bytes, mediaType: MEDIA.manifest }),
    read: () => Promise.resolve(configBytes),
    layer: ({ digest }) => ({
      open: (offset) => archive.stream(members.get(digest) ?? '', offset),
    }),
  }
}

/** A plain layer is called by its diff ID; a packed one has to be read once to know its digest. */
async function describeLayer(
  archive: ArchiveFile,
  name: string,
  diffId: Digest | undefined,
): Promise<Descriptor> {
  const size = archive.size(name) ?? 0
  let compression: Compression | undefined
  const digester = new Digester()
  for await (const chunk of archive.stream(name)) {
    compression ??= sniffCompression(chunk)
    if (compression === 'none' && diffId !== undefined) break
    digester.update(chunk)
  }
  const mediaType = { none: MEDIA.layer, gzip: MEDIA.layerGzip, zstd: MEDIA.layerZstd }
  const how = compression ?? 'none'
  const digest = how === 'none' && diffId !== undefined ? diffId : digester.digest()
  return { mediaType: mediaType[how], digest, size }
}
