/** Cgroups v1, v2 and hybrid behind one interface. */

export { formatDeviceRule, parseDeviceRule } from './device-rules.ts'
export { closeCgroupJoin, type Cgroup } from './group.ts'
export { cgroupHost, detectCgroups, type CgroupHost } from './host.ts'
export type { EnteredGroup } from './enter.ts'
export type { CgroupFact } from './drift.ts'
export { takeHome, type Stray } from './strays.ts'
export type {
  BlockIoSettings,
  CgroupHierarchy,
  CgroupJoin,
  CgroupReading,
  CgroupSettings,
  DeviceRule,
} from './types.ts'
