/** What the commands about images have in common: the store, names as people write them. */

import type { ImageStore, StoredImage } from '../image/index.ts'
import type { Context } from './context.ts'
import { createImageProgress, type ImageProgress } from './image-progress.ts'
import { goInside } from './inside.ts'

type ImageRoom = typeof import('../image/index.ts')

export interface Images {
  /** The image room, loaded only by commands that need it. */
  readonly room: ImageRoom
  readonly store: ImageStore
}

/** Works on the store directly: nothing here needs the supervisor. */
export async function openImages({ places, asking }: Context): Promise<Images> {
  await goInside(asking)
  const room = await import('../image/index.ts')
  return { room, store: room.openImageStore(places.state) }
}

/** Shows progress while `work` runs. */
export async function withImageProgress<T>(
  work: (progress: ImageProgress) => Promise<T>,
): Promise<T> {
  const progress = await createImageProgress()
  try {
    return await work(progress)
  } finally {
    await progress.end()
  }
}

/** `docker.io/library/nginx:latest` is `nginx:latest` to people. */
export function shortName(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '')
}

/** Names of an image, in order. */
export function namesOf({ room, store }: Images, { manifest }: StoredImage): readonly string[] {
  return [...room.readNames(store)]
    .filter(([, named]) => named.manifest === manifest)
    .map(([name]) => name)
}

/** Aborted by Ctrl-C, once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  return controller.signal
}
