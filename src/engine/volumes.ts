import type { VolumeSpec, ObservedVolume } from '../planner/index.ts'
import type { Machine } from './machine.ts'
import type { ContainerRecord } from './records/container.ts'
export function observeVolumes(_m: Machine, _s: string): readonly ObservedVolume[] {
  return []
}
export function createVolume(_m: Machine, _s: string, _v: VolumeSpec): void {}
export function removeVolume(_m: Machine, _s: string, _v: VolumeSpec): void {}
export function removeAnonymousVolumes(_m: Machine, _r: ContainerRecord): void {}
