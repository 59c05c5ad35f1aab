/** Copies files between trees, by way of an archive. */

export { explainCopy } from './explain.ts'
export { pack, type Packing } from './pack.ts'
export { type CopyPlace, type CopySource, findPlace } from './place.ts'
export { removeInTree } from './remove.ts'
export { openHostTree, type HostTree } from './host.ts'
export type { Tree } from './tree.ts'
export { Unpacker, type UnpackOptions } from './unpack.ts'
