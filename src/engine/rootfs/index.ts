/** A container's root filesystem: image, layers, users and programs in it. */

export { hostsInput } from './attempt-files.ts'
export { type EtcFile, updatedHosts } from './network-files.ts'
export { findExecutable, type ExecutableQuery } from './executable.ts'
export { prepareRootfs, type ImageSettings, type RootfsPart, type RootfsSource } from './image.ts'
export { openInitLayer, type InitLayer } from './init-layer.ts'
export { openRootfs, type Rootfs } from './open.ts'
export { makeRootReadOnly, openOverlayRoot, type OverlayLayers } from './overlay.ts'
export { openInTree, type RootTree } from './tree.ts'
export { resolveUser, type ResolvedUser } from './user.ts'
