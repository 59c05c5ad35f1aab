/** From the bytes of a manifest or index to exact types; everything doubtful is refused. */

import { EngineError } from '../errors.ts'
import { IMAGE_LAYERS_MAX, INDEX_ENTRIES_MAX } from '../limits.ts'
import { isDigest } from './digest.ts'
import { asObject, broken, countField, field, type Json, listField, parseJson } from './json.ts'
import { textField, textMapField } from './json.ts'
import { type Compression, type Descriptor, type Index, type Manifest, MEDIA } from './oci.ts'
import type { Platform } from './oci.ts'

export type Document =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly index: Index }

/**
 * `mediaType`: what the transport says it is; the document's own word counts when it has one.
 * @throws {EngineError} IMAGE_CORRUPT, IMAGE for what is not supported
 */
export function parseDocument(bytes: Uint8Array, what: string, mediaType?: string): Document {
  const object = parseJson(bytes, what)
  checkVersion(object, what)
  const isIndex = field(object, 'manifests') !== undefined
  const isManifest = field(object, 'layers') !== undefined || field(object, 'config') !== undefined
  // What one tool reads as an index and another as a manifest is no image (GHSA-5j5w-g665-5m35).
  if (isIndex && isManifest) throw broken(what, 'it is an index and a manifest at once')
  const type = textField(object, 'mediaType', what) ?? mediaType ?? guess(isIndex)
  if (isIndex && isIndexType(type)) return { kind: 'index', index: parseIndex(object, what, type) }
  if (isManifest && isManifestType(type)) {
    return { kind: 'manifest', manifest: parseManifest(object, what, type) }
  }
  throw notSupported(what, `its media type "${type.slice(0, 100)}" is none of an image`)
}

/** @throws {EngineError} IMAGE_CORRUPT when `value` is no descriptor */
function parseDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, `a descriptor of the ${what}`)
  const digest = field(object, 'digest')
  if (!isDigest(digest)) {
    const shown = typeof digest === 'string' ? `"${digest.slice(0, 100)}"` : 'missing'
    throw broken(what, `a digest is ${shown}; "sha256:" and 64 hex digits are needed`)
  }
  const size = countField(object, 'size', what)
  if (size === undefined) throw broken(what, `the size of ${digest} is missing`)
  const platform = parsePlatform(field(object, 'platform'), what)
  const annotations = textMapField(object, 'annotations', what)
  return {
    mediaType: textField(object, 'mediaType', what) ?? '',
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

function parseManifest(object: Json, what: string, mediaType: string): Manifest {
  const config = parseDescriptor(field(object, 'config'), what)
  if (config.mediaType !== MEDIA.config && config.mediaType !== MEDIA.dockerConfig) {
    throw notSupported(what, `it is no container image but "${config.mediaType.slice(0, 100)}"`)
  }
  const layers = listField(object, 'layers', what) ?? []
  if (layers.length > IMAGE_LAYERS_MAX) {
    throw broken(what, `it has ${layers.length} layers; ${IMAGE_LAYERS_MAX} are the most`)
  }
  return { mediaType, config, layers: layers.map((layer) => parseLayer(layer, what)) }
}

function parseLayer(value: unknown, what: string): Manifest['layers'][number] {
  const descriptor = parseDescriptor(value, what)
  return { ...descriptor, compression: compressionOf(descriptor.mediaType, what) }
}

/** Foreign layers are taken from the registry or not at all: their `urls` are never followed. */
function compressionOf(mediaType: string, what: string): Compression {
  const [, suffix] =
    /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1|docker\.image\.rootfs(?:\.foreign)?\.diff)\.tar(?:[.+](gzip|zstd))?$/.exec(
      mediaType,
    ) ?? [undefined, 'unknown']
  if (suffix === undefined) return 'none'
  if (suffix === 'gzip' || suffix === 'zstd') return suffix
  throw notSupported(what, `a layer has the unknown media type "${mediaType.slice(0, 100)}"`)
}

function parseIndex(object: Json, what: string, mediaType: string): Index {
  const manifests = listField(object, 'manifests', what) ?? []
  if (manifests.length > INDEX_ENTRIES_MAX) {
    throw broken(what, `it lists ${manifests.length} images; ${INDEX_ENTRIES_MAX} are the most`)
  }
  return { mediaType, manifests: manifests.map((each) => parseDescriptor(each, what)) }
}

function parsePlatform(value: unknown, what: string): Platform | undefined {
  if (value === undefined) return undefined
  const object = asObject(value, `platform of the ${what}`)
  const variant = textField(object, 'variant', what)
  return {
    os: textField(object, 'os', what) ?? '',
    architecture: textField(object, 'architecture', what) ?? '',
    ...(variant === undefined || variant === '' ? {} : { variant }),
  }
}

function checkVersion(object: Json, what: string): void {
  const version = field(object, 'schemaVersion')
  if (version === 2) return
  if (version === 1) throw notSupported(what, 'it is of schema version 1, which is out of use')
  throw broken(what, '"schemaVersion" is not 2')
}

function guess(isIndex: boolean): string {
  return isIndex ? MEDIA.index : MEDIA.manifest
}

function isIndexType(type: string): boolean {
  return type === MEDIA.index || type === MEDIA.dockerIndex
}

function isManifestType(type: string): boolean {
  return type === MEDIA.manifest || type === MEDIA.dockerManifest
}

function notSupported(what: string, why: string): EngineError {
  return new EngineError('IMAGE', `Cannot use the ${what}: ${why}`, {
    hint: 'an OCI or Docker (schema 2) image for Linux is needed',
  })
}
