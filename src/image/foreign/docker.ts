/** Reads the store of Docker with its overlay2 driver: `/var/lib/docker`. */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { hexOf, isDigest } from '../digest.ts'
import { asObject, field, type Json, parseJson } from '../json.ts'
import { parseConfig } from '../parse-config.ts'
import type { ForeignImage, ForeignStore, ForeignVolume } from './foreign-image.ts'

/** Undefined when there is none. @throws {EngineError} IMAGE, IMAGE_CORRUPT */
export function readDockerStore(directory: string): ForeignStore | undefined {
  const root = join(directory, 'image/overlay2')
  const list = join(root, 'repositories.json')
  if (!existsSync(list)) return undefined
  const repositories = asObject(
    field(parseJson(readFileSync(list), `file "${list}"`), 'Repositories') ?? {},
    `file "${list}"`,
  )
  const names = new Map<string, string[]>()
  for (const repository of Object.values(repositories)) {
    for (const [name, id] of Object.entries(asObject(repository, `file "${list}"`))) {
      if (isDigest(id) && !name.includes('@')) names.set(id, [...(names.get(id) ?? []), name])
    }
  }
  const content = join(root, 'imagedb/content/sha256')
  const images = (existsSync(content) ? readdirSync(content) : []).map((hex): ForeignImage => {
    const config = readFileSync(join(content, hex))
    const layers = layersOf(directory, config, hex)
    return { names: names.get(`sha256:${hex}`) ?? [], config, layers }
  })
  return { engine: 'Docker', directory, images, volumes: readVolumes(directory) }
}

/** A layer is found by its chain: the digest of its parent's and its own. */
function layersOf(directory: string, config: Buffer, id: string): readonly string[] {
  const database = join(directory, 'image/overlay2/layerdb/sha256')
  let chain: string | undefined
  return parseConfig(config, `configuration of ${id}`).diffIds.map((diffId) => {
    chain =
      chain === undefined
        ? hexOf(diffId)
        : createHash('sha256').update(`sha256:${chain} ${diffId}`).digest('hex')
    const cache = join(database, chain, 'cache-id')
    if (!existsSync(cache)) throw missing(id, diffId)
    const name = readFileSync(cache, 'utf8').trim()
    if (!/^[\w-]+$/.test(name)) throw missing(id, diffId)
    return join(directory, 'overlay2', name, 'diff')
  })
}

function missing(id: string, diffId: string): EngineError {
  return new EngineError(
    'IMAGE',
    `Cannot take image ${id}: Docker's store lacks its layer ${diffId}`,
  )
}

/** Compose writes into a label whose a volume is. */
function readVolumes(directory: string): readonly ForeignVolume[] {
  const root = join(directory, 'volumes')
  const names = existsSync(root) ? readdirSync(root) : []
  return names
    .filter((name) => existsSync(join(root, name, '_data')))
    .map((name) => ({ name, data: join(root, name, '_data'), ...ofCompose({}, name) }))
}

/** `shop_data` is the volume `data` of the stack `shop`, unless labels say otherwise. */
export function ofCompose(labels: Json, name: string): { stack?: string; key?: string } {
  const [stack, key] = ['project', 'volume'].map((word) =>
    field(labels, `com.docker.compose.${word}`),
  )
  if (typeof stack === 'string' && typeof key === 'string') return { stack, key }
  const [, first, rest] = /^([a-z0-9][a-z0-9-]*)_(.+)$/.exec(name) ?? []
  return first === undefined || rest === undefined ? {} : { stack: first, key: rest }
}
