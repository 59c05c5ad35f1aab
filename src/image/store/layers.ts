/** Unpacked layers: each once on disk, under the digest of its unpacked archive. */

import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import type { Digest } from '../digest.ts'
import type { Extracted } from '../layer/extract.ts'
import { readJsonIfThere, writeFileByRename } from './files.ts'
import { type ImageStore, layerPath, placeOf } from './places.ts'

export interface StoredLayer extends Extracted {
  readonly diffId: Digest
  /** The lower directory; never changed. */
  readonly directory: string
}

/** Undefined when it is not there. */
export function findLayer(store: ImageStore, diffId: Digest): StoredLayer | undefined {
  const path = layerPath(store, diffId)
  const record = readJsonIfThere(join(path, 'layer.json')) as Extracted | undefined
  return record && { ...record, diffId, directory: join(path, 'root') }
}

/** @throws {EngineError} IMAGE */
export function requireLayer(store: ImageStore, diffId: Digest): StoredLayer {
  const layer = findLayer(store, diffId)
  if (layer) return layer
  throw new EngineError('IMAGE', `Cannot use the image: its layer ${diffId} is gone`, {
    hint: 'pull or load the image again',
  })
}

/** A place where a layer is put together; disposing it throws away what was not published. */
export class LayerDraft implements Disposable {
  /** To be filled. */
  readonly root: string
  readonly #directory: string
  readonly #store: ImageStore

  constructor(store: ImageStore) {
    this.#store = store
    this.#directory = mkdtempSync(placeOf(store, 'drafts', 'layer-'))
    this.root = join(this.#directory, 'root')
    mkdirSync(this.root, { mode: 0o755 })
  }

  /** Takes a directory that is filled already, of the same file system, as the root. */
  adopt(directory: string): void {
    rmSync(this.root, { recursive: true })
    renameSync(directory, this.root)
  }

  publish(diffId: Digest, extracted: Extracted): StoredLayer {
    writeFileByRename(join(this.#directory, 'layer.json'), JSON.stringify(extracted))
    try {
      renameSync(this.#directory, layerPath(this.#store, diffId))
    } catch (error) {
      // Whoever was first has made the same.
      if (findLayer(this.#store, diffId) === undefined) throw error
    }
    return requireLayer(this.#store, diffId)
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
