/** Writes OCI image layouts as other tools make them, honest and dishonest ones. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { digestOf, MEDIA } from '../../src/image/index.ts'

export interface LayoutImage {
  /** Archives, lowest first. */
  readonly layers: readonly Buffer[]
  /** The `config` object of the configuration. */
  readonly config?: object
  readonly tag?: string
  /** Replaces parts of the documents before they are written. */
  readonly edit?: {
    readonly config?: (config: Record<string, unknown>) => unknown
    readonly manifest?: (manifest: Record<string, unknown>) => unknown
    readonly index?: (index: Record<string, unknown>) => unknown
  }
}

/** The directory, written anew. */
export function writeLayout(directory: string, image: LayoutImage): string {
  const blobs = join(directory, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (bytes: Buffer | string, mediaType: string) => {
    const digest = digestOf(bytes)
    writeFileSync(join(blobs, digest.slice('sha256:'.length)), bytes)
    return { mediaType, digest, size: Buffer.byteLength(bytes) }
  }
  const edit = image.edit ?? {}
  const layers = image.layers.map((tar) => put(gzipSync(tar, { level: 1 }), MEDIA.layerGzip))
  const config = {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: image.config ?? {},
    rootfs: { type: 'layers', diff_ids: image.layers.map((tar) => digestOf(tar)) },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: put(text(edit.config?.(config) ?? config), MEDIA.config),
    layers,
  }
  const descriptor = put(text(edit.manifest?.(manifest) ?? manifest), MEDIA.manifest)
  const annotations = { 'org.opencontainers.image.ref.name': image.tag ?? 'latest' }
  const index = { schemaVersion: 2, manifests: [{ ...descriptor, annotations }] }
  writeFileSync(join(directory, 'index.json'), text(edit.index?.(index) ?? index))
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return directory
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
