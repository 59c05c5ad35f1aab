import type { CgroupSettings } from '../linux/index.ts'
import type { ContainerSpec } from '../planner/index.ts'
export function cgroupSettings(_spec: ContainerSpec): CgroupSettings {
  return {}
}
