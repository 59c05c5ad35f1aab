/** This machine's files as a tree to copy from or to. */

import { close, O, openPath } from '../../linux/index.ts'
import type { Tree } from './tree.ts'

export interface HostTree extends Tree, Disposable {}

export function openHostTree(): HostTree {
  const root = openPath('/', O.DIRECTORY)
  return { root, label: '', [Symbol.dispose]: () => close(root) }
}
