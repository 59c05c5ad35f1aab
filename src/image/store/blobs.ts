/** Packed content, by digest. */

import { existsSync, statSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { type Digest, digestOf, isDigest } from '../digest.ts'
import { readIfThere, writeFileByRename } from './files.ts'
import { blobPath, diffPath, type ImageStore } from './places.ts'

export function hasBlob(store: ImageStore, digest: Digest): boolean {
  return existsSync(blobPath(store, digest))
}

export function blobBytes(store: ImageStore, digest: Digest): number {
  return statSync(blobPath(store, digest)).size
}

/** A manifest or configuration, whole. @throws {EngineError} IMAGE when it is not there */
export function readBlob(store: ImageStore, digest: Digest): Buffer {
  const bytes = readIfThere(blobPath(store, digest))
  if (bytes) return bytes
  throw new EngineError('IMAGE', `Cannot read the image: its part ${digest} is gone`, {
    hint: 'pull or load the image again',
  })
}

/** Keeps small content that is in memory. */
export function writeBlob(store: ImageStore, content: Uint8Array | string): Digest {
  const digest = digestOf(content)
  if (!hasBlob(store, digest)) writeFileByRename(blobPath(store, digest), content)
  return digest
}

/** The layer that a blob was found to unpack to; undefined when nobody has looked. */
export function diffIdOf(store: ImageStore, blob: Digest): Digest | undefined {
  const text = readIfThere(diffPath(store, blob))?.toString()
  return isDigest(text) ? text : undefined
}

export function writeDiffId(store: ImageStore, blob: Digest, diffId: Digest): void {
  writeFileByRename(diffPath(store, blob), diffId)
}
