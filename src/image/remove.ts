/** Takes names away, and images with their last name. */

import { EngineError } from '../errors.ts'
import { findByText } from './find.ts'
import { collect, pinnedImages } from './store/collect.ts'
import type { StoredImage } from './store/images.ts'
import { changeNames, readNames } from './store/names.ts'
import { readPins } from './store/pins.ts'
import type { ImageStore } from './store/places.ts'

export interface Removed {
  readonly names: readonly string[]
  /** False while it has other names, or a container. */
  readonly isGone: boolean
  readonly image: StoredImage
}

/**
 * A name goes alone while there are others; an ID takes all names with `force` only.
 * @throws {EngineError} IMAGE, IMAGE_IN_USE
 */
export async function removeByText(
  store: ImageStore,
  text: string,
  options: { readonly force: boolean; readonly directory: string },
): Promise<Removed> {
  const { image, name } = findByText(store, text, options.directory)
  const own = [...readNames(store)]
    .filter(([, { manifest }]) => manifest === image.manifest)
    .map(([each]) => each)
  const gone = name === undefined ? own : [name]
  if (name === undefined && own.length > 1 && !options.force) throw manyNames(text, own)
  const isLast = gone.length === own.length
  if (isLast && pinnedImages(store).has(image.manifest)) throw inUse(store, text, image)
  await changeNames(store, (names) => {
    for (const each of gone) {
      // It may mean another image by now.
      if (names.get(each)?.manifest === image.manifest) names.delete(each)
    }
  })
  if (isLast) await collect(store, { all: false })
  return { names: gone, isGone: isLast, image }
}

function manyNames(text: string, names: readonly string[]): EngineError {
  return new EngineError('IMAGE', `Cannot remove image "${text}": it has several names`, {
    hint: `remove them by name, or with --force: ${names.slice(0, 10).join(', ')}`,
  })
}

function inUse(store: ImageStore, text: string, { manifest }: StoredImage): EngineError {
  const holders = [...readPins(store).values()]
    .filter(({ images = [] }) => images.includes(manifest))
    .map(({ holder }) => holder)
  return new EngineError(
    'IMAGE_IN_USE',
    `Cannot remove image "${text}": ${holders.slice(0, 5).join(', ')} needs it`,
    { hint: 'take the container away first: tsstack down' },
  )
}
