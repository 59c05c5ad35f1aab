/** A container's files as one archive: its image and what it has changed, without its volumes. */

import { EngineError } from '../errors.ts'
import { close, createDetachedMount, overlayOptions } from '../linux/index.ts'
import { archiveDirectory } from './layer/archive.ts'
import { lowersOf, requireImage } from './store/images.ts'
import { isDigest } from './digest.ts'
import type { ImageStore } from './store/places.ts'

export interface ExportedContainer {
  /** As in its stack. */
  readonly image: string
  readonly digest?: string | undefined
  /** What it has changed; it may go on doing so. */
  readonly upper: string
}

/** The archive, in pieces. @throws {EngineError} IMAGE for images that are no layers */
export function* exportRootfs(
  store: ImageStore,
  container: ExportedContainer,
): Generator<Buffer, void> {
  const lowers = lowersBelow(store, container)
  const fd = createDetachedMount({
    type: 'overlay',
    lowers: [container.upper, ...lowers],
    options: overlayOptions(),
    flags: { readOnly: true },
  })
  try {
    yield* archiveDirectory(`/proc/self/fd/${fd}`, { isWhole: true })
  } finally {
    close(fd)
  }
}

function lowersBelow(store: ImageStore, { image, digest }: ExportedContainer): readonly string[] {
  if (isDigest(digest)) return lowersOf(store, requireImage(store, digest))
  if (image.startsWith('dir:')) return [image.slice('dir:'.length)]
  throw new EngineError('IMAGE', `Cannot export a container of "${image}": it is this machine`, {
    hint: 'use an image of a registry, a layout or an archive, or "dir:ROOTFS"',
  })
}
