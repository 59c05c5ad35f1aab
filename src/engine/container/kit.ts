/** The launch code by its parts, for the front end that runs bundles instead of stacks. */

export { type BundleInput, bundleProgram, POINT } from './bundle.ts'
export { type BundleExecInput, bundleExecProgram } from './bundle-exec.ts'
export type { BundleMount, BundleMounts, SetPropagation } from './bundle-mounts.ts'
export { DEVICE_LINKS, DEVICE_NODES } from './defaults.ts'
export { cannotMap } from '../users/map-owners.ts'
export { launchFailure } from './launch-failure.ts'
export { type HostDevice } from './devices.ts'
export {
  deepestAbove,
  makeTarget,
  type PreparedMount,
  prepareCgroups,
  realTarget,
} from './mounts.ts'
export { newFileSystem, type TreeEntry } from './new-file-system.ts'
export type { OciMount, OciProcess } from './oci.ts'
export { listenToPipe, listenToReports } from './reports.ts'
export { runJoined } from './run-joined.ts'
export { signalNumber } from './stop.ts'
