/** Tells whether a file or layout has changed since an image was taken from it. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageSource } from './transport-name.ts'

/** Undefined when there is nothing there, and for sources that are no files. */
export function stampOf(source: ImageSource): string | undefined {
  if (!('path' in source) || source.kind === 'directory') return undefined
  // A layout changes with its index; its blobs never change.
  const path = source.kind === 'oci' ? join(source.path, 'index.json') : source.path
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined) return undefined
  return [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')
}
