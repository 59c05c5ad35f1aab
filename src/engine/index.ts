/**
 * The engine: observes and changes the machine on behalf of a plan. The front door of this room.
 */

export { Bell } from './bell.ts'
export { checkRoom, makeRoomToAnswer } from './descriptors.ts'
export * from './copy/index.ts'
export { type AppArmor, readAppArmor } from './container/app-armor.ts'
export { createEngine } from './engine.ts'
export { offersNftables } from '../net/index.ts'
export * from './container/kit.ts'
export type * from './types.ts'
export { onAbort } from './on-abort.ts'
export { containerPaths, rootIdOf } from './paths.ts'
export { findExecutable, makeRootReadOnly, resolveUser } from './rootfs/index.ts'
export { Undo } from './undo.ts'
export { findTraces, type KernelObject, removeTraces, type Traces } from './leftovers.ts'
export { importVolume } from './volume/import.ts'
