/**
 * The kernel, typed: the front door of this room. No policy lives here, and nothing else imports
 * koffi.
 */

export * from './launch/index.ts'
export { ARCHITECTURE, type Abi, type Architecture, type SyscallName } from './syscalls/index.ts'
export * from './netlink/index.ts'
export * from './cgroup/index.ts'
export * from './at.ts'
export * from './capabilities.ts'
export { countFileChanges, isCounting } from './crash-point.ts'
export { composeTree, type Part } from './compose.ts'
export { createMappedOverlay } from './mapped-overlay.ts'
export { sendDescriptor } from './descriptor-passing.ts'
export { createDetachedMount, type DetachedMount } from './detached-mount.ts'
export * from './fd.ts'
export { withFileUser } from './file-user.ts'
export { openForeignTree } from './foreign-tree.ts'
export * from './kernel.ts'
export { linkIndex } from './link-index.ts'
export * from './make.ts'
export { anonymousBytes, releaseProgram, trimMemory } from './memory.ts'
export * from './mount.ts'
export { type MountWatch, watchMounts } from './mount-watch.ts'
export { type MountLine, parseMountinfo, unescapeMountPath } from './mountinfo.ts'
export {
  type MadeNamespace,
  NamespaceMaker,
  namespaceMakerProgram,
  type NamespaceRecipe,
} from './namespace-maker.ts'
export {
  CLONE_NEW,
  createNetworkNamespace,
  hasTimeNamespaces,
  withNamespace,
  type ThreadNamespace,
} from './namespace.ts'
export * from './open-flags.ts'
export { watchWrites, type Written, type WriteWatch } from './inotify.ts'
export { openIn, openPath, readIn, type Resolve } from './path.ts'
export { messagePair, OUTSIDE_FD, outsideProgram } from './outside.ts'
export { overlayOptions } from './overlay-options.ts'
export { canSetGroups, hasGroup, hasUser, inUserNamespace, lastGroup } from './own-users.ts'
export { enterAsRoot, type Entry } from './rootless-entry.ts'
export { hasBytes } from './poll.ts'
export * from './process.ts'
export { readProcess, type ProcessReading } from './process-reading.ts'
export * from './pty.ts'
export * from './rlimits.ts'
export * from './socket.ts'
export { DatagramSender } from './datagrams.ts'
export { UnixDatagrams } from './unix-datagrams.ts'
export { copyFileWithHoles } from './sparse.ts'
export * from './stat.ts'
export * from './seccomp/index.ts'
export {
  createNetworkOf,
  createMappedUsers,
  createUserNamespace,
  type IdRange,
  type UserNamespace,
} from './user-namespace.ts'
export { type BytePath, readXattrs, removeXattr, writeXattr, writeXattrFd } from './xattr.ts'
