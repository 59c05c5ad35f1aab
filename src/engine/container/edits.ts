/** What files and services of the host add to a container: data alone. */

import type { CdiHook } from '../cdi/registry.ts'
import type { HostDevice } from './devices.ts'
import type { OciMount } from './oci.ts'

export interface HostEdits {
  readonly devices: readonly HostDevice[]
  readonly mounts: readonly OciMount[]
  /** Mounted after all else, over files of procfs and sysfs. */
  readonly views: readonly OciMount[]
  /** `NAME=value`; they overrule those of the service. */
  readonly environment: readonly string[]
  readonly groups: readonly number[]
  /** Programs of the host's, run when everything is mounted. */
  readonly hooks: readonly CdiHook[]
  /** The AppArmor profile that confines it. */
  readonly apparmor?: string
}

export const NO_EDITS: HostEdits = {
  devices: [],
  mounts: [],
  views: [],
  environment: [],
  groups: [],
  hooks: [],
}

/** The later value of a name counts. */
export function withVariables(
  environment: readonly string[],
  added: readonly string[],
): readonly string[] {
  if (added.length === 0) return environment
  const names = new Set(added.map(nameOf))
  return [...environment.filter((entry) => !names.has(nameOf(entry))), ...added]
}

function nameOf(entry: string): string {
  return entry.slice(0, entry.indexOf('='))
}
