/** Finds an image of the store by whatever a person calls it. */

import { EngineError } from '../errors.ts'
import { isDigest } from './digest.ts'
import { listImages, type StoredImage } from './store/images.ts'
import { type Names, readNames } from './store/names.ts'
import type { ImageStore } from './store/places.ts'
import { parseImageSource, sourceName } from './transport-name.ts'

export interface FoundImage {
  readonly image: StoredImage
  /** The name by which it was found; absent when it was an ID. */
  readonly name?: string
}

/**
 * By name (`nginx`, `oci:./image`), by digest of manifest, index or configuration, or by the first
 * digits of its ID.
 * @throws {EngineError} IMAGE when there is none, or more than one
 */
export function findByText(store: ImageStore, text: string, directory: string): FoundImage {
  const names = readNames(store)
  const images = listImages(store)
  const byName = wholeName(text, directory, names)
  const named = byName === undefined ? undefined : names.get(byName)
  const found = named && images.find(({ manifest }) => manifest === named.manifest)
  if (found && byName !== undefined) return { image: found, name: byName }
  const byId = images.filter((image) => isCalled(image, text, names))
  const [only, ...more] = byId
  if (only && more.length === 0) return { image: only }
  const why = only ? `${byId.length} images begin so` : 'there is no such image here'
  throw new EngineError('IMAGE', `Cannot find image "${text}": ${why}`, {
    hint: only
      ? 'write more digits'
      : '"tsstack images" lists those there are, "tsstack pull" gets one; of containers tell ' +
        '"tsstack explain" and "tsstack ps --json"',
  })
}

/** The name in the store, or undefined when the text cannot be one. */
function wholeName(text: string, directory: string, names: Names): string | undefined {
  if (names.has(text)) return text
  try {
    return sourceName(parseImageSource(text, directory))
  } catch {
    return undefined
  }
}

function isCalled(image: StoredImage, text: string, names: Names): boolean {
  const digest = text.includes('@') ? text.slice(text.indexOf('@') + 1) : text
  if (isDigest(digest)) {
    const indexes = [...names.values()].filter(({ manifest }) => manifest === image.manifest)
    return (
      [image.manifest, image.id].includes(digest) || indexes.some(({ index }) => index === digest)
    )
  }
  const digits = text.replace(/^sha256:/, '')
  if (!/^[0-9a-f]{4,64}$/.test(digits)) return false
  return [image.id, image.manifest].some((each) => each.startsWith(`sha256:${digits}`))
}
