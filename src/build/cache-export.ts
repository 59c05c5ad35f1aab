/**
 * The cache of a build in a directory, for builds on other machines: an OCI layout whose layers are
 * those of the steps, and whose configuration says which step made which.
 */

import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { constants, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, errorText } from '../errors.ts'
import { CACHE_INDEX_BYTES_MAX } from '../limits.ts'
import type { LayerRecord, LayerStore } from './ports.ts'
import type { StepRecord } from './step-cache.ts'

const CONFIG = 'application/vnd.tsstack.build-cache.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** What is in the directory already stays. @throws {EngineError} BUILD */
export function exportCache(
  directory: string,
  steps: ReadonlyMap<string, StepRecord>,
  store: LayerStore,
): void {
  try {
    mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
    const layers = new Map<string, LayerRecord>()
    for (const { layer } of steps.values()) if (layer) layers.set(layer.digest, layer)
    for (const { digest } of layers.values()) copyBlob(directory, store.blobOf(digest), digest)
    const sorted = [...steps].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const config = put(directory, { steps: Object.fromEntries(sorted) }, CONFIG)
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config,
      layers: [...layers.values()].map(({ mediaType, digest, size }) => ({
        mediaType,
        digest,
        size,
      })),
    }
    const index = { schemaVersion: 2, manifests: [put(directory, manifest, MANIFEST)] }
    writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    writeFile(join(directory, 'index.json'), JSON.stringify(index))
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('BUILD', `Cannot leave the cache in "${directory}": ${why}`, {
      hint: 'name a directory that can be written under "cache_to"',
      cause,
    })
  }
}

/** A cache that another build has left: its layers are checked when they are taken. */
export interface ImportedCache {
  readonly steps: ReadonlyMap<string, StepRecord>
  readonly blobOf: (digest: string) => string
}

/** Undefined when there is none, or it cannot be read: everything is built then. */
export function importCache(directory: string): ImportedCache | undefined {
  const read = (digest: string): unknown => {
    const path = blobPath(directory, digest)
    if (statSync(path).size > CACHE_INDEX_BYTES_MAX) throw new RangeError('it is too large')
    return JSON.parse(readFileSync(path, 'utf8'))
  }
  try {
    const path = join(directory, 'index.json')
    if (statSync(path).size > CACHE_INDEX_BYTES_MAX) return undefined
    const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: Descriptor[] }
    const manifest = read(index.manifests[0]?.digest ?? '') as { config: Descriptor }
    if (manifest.config.mediaType !== CONFIG) return undefined
    const { steps } = read(manifest.config.digest) as { steps: object }
    const known = Object.entries(steps).filter(([, step]) => isStep(step))
    return {
      steps: new Map(known as [string, StepRecord][]),
      blobOf: (digest) => blobPath(directory, digest),
    }
  } catch {
    return undefined
  }
}

const DIGEST = /^sha256:[0-9a-f]{64}$/u

function isStep(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { created, layer } = value as Partial<StepRecord>
  if (typeof created !== 'string' || Number.isNaN(Date.parse(created))) return false
  if (layer === undefined) return true
  const { digest, diffId, size, mediaType } = layer
  const isSize = Number.isSafeInteger(size) && size >= 0
  // A layer of a build is not packed, so both are the same.
  return DIGEST.test(digest) && digest === diffId && isSize && mediaType.endsWith('.tar')
}

function blobPath(directory: string, digest: string): string {
  if (!DIGEST.test(digest)) throw new RangeError(`"${digest}" is no digest`)
  return join(directory, 'blobs/sha256', digest.slice('sha256:'.length))
}

function copyBlob(directory: string, source: string, digest: string): void {
  const target = blobPath(directory, digest)
  if (existsSync(target)) return
  copyFileSync(source, `${target}.draft`, constants.COPYFILE_FICLONE)
  renameSync(`${target}.draft`, target)
}

function put(directory: string, value: object, mediaType: string): Descriptor {
  const text = JSON.stringify(value)
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  writeFile(blobPath(directory, digest), text)
  return { mediaType, digest, size: Buffer.byteLength(text) }
}

function writeFile(path: string, text: string): void {
  writeFileSync(`${path}.draft`, text)
  renameSync(`${path}.draft`, path)
}
