/** Containers hold their images in the store: a pin for each, whatever becomes of the names. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Digest,
  type ImageStore,
  isDigest,
  openImageStore,
  readPins,
  removePin,
  requireImage,
  writePin,
} from '../image/index.ts'
import type { Machine } from './machine.ts'
import type { ContainerRecord } from './records/container.ts'
import { type ImageSettings, storedRootfs } from './rootfs/image.ts'
import type { Paths } from './types.ts'

const opened = new Map<string, ImageStore>()

/** The store of the state root; made when it is not there. */
function imageStore({ state }: Paths): ImageStore {
  const known = opened.get(state)
  if (known !== undefined && existsSync(known.directory)) return known
  const store = openImageStore(state)
  opened.set(state, store)
  return store
}

/** Where the container's image is; undefined for `host:` and `dir:`. */
export function storedImage(
  paths: Paths,
  { imageDigest: digest }: ContainerRecord['spec'],
): { readonly store: ImageStore; readonly digest: string } | undefined {
  return digest === undefined ? undefined : { store: imageStore(paths), digest }
}

/** What the container's image says about running it. */
export function imageSettings(paths: Paths, spec: ContainerRecord['spec']): ImageSettings {
  const stored = storedImage(paths, spec)
  return stored === undefined ? {} : storedRootfs(stored).image
}

/** To be called before the container's record is written. */
export function pinImage(
  paths: Paths,
  { name, spec }: Pick<ContainerRecord, 'name' | 'spec'>,
): void {
  const images = imagesOf(spec)
  if (images.length === 0) return
  const store = imageStore(paths)
  writePin(store, keyOf(name), { holder: `container ${name}`, images })
  try {
    // Who collects images has taken it away by now, or sees the pin.
    for (const digest of images) requireImage(store, digest)
  } catch (error) {
    removePin(store, keyOf(name))
    throw error
  }
}

/** Its own, and those of its hooks: they run again when it is started again. */
function imagesOf({ imageDigest, hooks }: ContainerRecord['spec']): readonly Digest[] {
  const ofHooks = hooks?.preStart.map((hook) => hook.imageDigest) ?? []
  return [...new Set([imageDigest, ...ofHooks])].filter((digest) => isDigest(digest))
}

/** To be called after the container's record is gone. */
export function unpinImage(paths: Paths, { name, spec }: ContainerRecord): void {
  if (imagesOf(spec).length > 0) removePin(imageStore(paths), keyOf(name))
}

/** Pins of containers that a crash has left without one. */
export function removeStalePins({ paths, containers }: Machine): void {
  if (!existsSync(join(paths.state, 'images'))) return
  const store = imageStore(paths)
  for (const key of readPins(store).keys()) {
    const isStale = key.startsWith(PREFIX) && !containers.has(key.slice(PREFIX.length))
    if (isStale) removePin(store, key)
  }
}

const PREFIX = 'container-'
const keyOf = (container: string): string => `${PREFIX}${container}`
