/** Reads the store of podman, CRI-O and skopeo with the overlay driver. @see containers/storage */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { asObject, broken, type Json, textField, textsField } from '../json.ts'
import { ofCompose } from './docker.ts'
import type { ForeignImage, ForeignStore } from './foreign-image.ts'

/** Undefined when there is none. @throws {EngineError} IMAGE, IMAGE_CORRUPT */
export function readPodmanStore(directory: string): ForeignStore | undefined {
  const list = join(directory, 'overlay-images/images.json')
  if (!existsSync(list)) return undefined
  const parents = readParents(directory)
  const images = readList(list).map((entry): ForeignImage => {
    const id = textField(entry, 'id', list) ?? ''
    if (!/^[0-9a-f]{64}$/.test(id)) throw broken(`file "${list}"`, 'an image has no ID')
    const key = `=${Buffer.from(`sha256:${id}`).toString('base64')}`
    const config = readFileSync(join(directory, 'overlay-images', id, key))
    const top = textField(entry, 'layer', list)
    const names = textsField(entry, 'names', list) ?? []
    return { names: names.filter(isTagged), config, layers: chain(directory, parents, top) }
  })
  return { engine: 'podman', directory, images, volumes: readVolumes(directory) }
}

const isTagged = (name: string): boolean => !name.includes('@')

function readParents(directory: string): ReadonlyMap<string, string | undefined> {
  const list = join(directory, 'overlay-layers/layers.json')
  const entries = existsSync(list) ? readList(list) : []
  return new Map(
    entries.map((entry) => [
      textField(entry, 'id', list) ?? '',
      textField(entry, 'parent', list) || undefined,
    ]),
  )
}

/** From the topmost layer down, then turned round. */
function chain(
  directory: string,
  parents: ReadonlyMap<string, string | undefined>,
  top: string | undefined,
): readonly string[] {
  const layers: string[] = []
  for (let id = top; id !== undefined && id !== ''; id = parents.get(id)) {
    const path = join(directory, 'overlay', id, 'diff')
    const isNew = !layers.includes(path)
    if (!/^[0-9a-f]{64}$/.test(id) || !isNew || !existsSync(path)) {
      throw new EngineError('IMAGE', `Cannot take an image: podman's store lacks layer ${id}`)
    }
    layers.push(path)
  }
  return layers.toReversed()
}

function readVolumes(directory: string): ForeignStore['volumes'] {
  const root = join(directory, 'volumes')
  const names = existsSync(root) ? readdirSync(root) : []
  return names
    .filter((name) => existsSync(join(root, name, '_data')))
    .map((name) => ({ name, data: join(root, name, '_data'), ...ofCompose({}, name) }))
}

function readList(path: string): readonly Json[] {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!Array.isArray(value)) throw broken(`file "${path}"`, 'it is no list')
  return value.map((entry) => asObject(entry, `file "${path}"`))
}
