/** Marks for what a layer removes from those below it. @see OCI image-spec, layer.md, Whiteouts */

import { inUserNamespace } from '../../linux/index.ts'
import { isDot, isDotDot, type Part, shown } from './entry-path.ts'

const PREFIX = '.wh.'
/** Marks of aufs that are no whiteouts. */
const META_PREFIX = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'

export type Mark =
  /** The directory it is in hides everything below it. */
  | { readonly kind: 'opaque' }
  | { readonly kind: 'whiteout'; readonly name: Part }
  /** A note of aufs to itself. */
  | { readonly kind: 'ignored' }

/** What the last component of a name means; undefined: a plain file. @throws {RangeError} */
export function markOf(part: Part): Mark | undefined {
  const text = part.toString('latin1')
  if (!text.startsWith(PREFIX)) return undefined
  if (text === OPAQUE) return { kind: 'opaque' }
  if (text.startsWith(META_PREFIX)) return { kind: 'ignored' }
  const name = part.subarray(PREFIX.length)
  if (name.length === 0 || isDot(name) || isDotDot(name)) {
    throw new RangeError(`"${shown(part)}" removes no name of a file`)
  }
  return { kind: 'whiteout', name }
}

/** How a layer that goes into an archive writes that `name` is gone. */
export function whiteoutName(name: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(PREFIX), name])
}

export const OPAQUE_NAME: Buffer = Buffer.from(OPAQUE)

/** overlayfs: a directory with this attribute hides the lower ones. */
export const OPAQUE_XATTR: string = inUserNamespace()
  ? 'user.overlay.opaque'
  : 'trusted.overlay.opaque'
