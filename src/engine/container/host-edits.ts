/** What files and services of the host add to a container: devices by CDI, a procfs by lxcfs, AppArmor. */

import type { ContainerSpec } from '../../planner/index.ts'
import { appArmorProfile } from './app-armor.ts'
import { type HostEdits, NO_EDITS } from './edits.ts'
import { lxcfsViews } from './lxcfs.ts'

/** Throws LAUNCH for a device that no file describes, and for a view that nobody gives. */
export async function hostEdits(container: string, spec: ContainerSpec): Promise<HostEdits> {
  const { cdi = [], procfsOfLimits = false } = spec
  const profile = await appArmorProfile(container, spec)
  const apparmor = profile === undefined ? {} : { apparmor: profile }
  if (cdi.length === 0 && !procfsOfLimits) return { ...NO_EDITS, ...apparmor }
  const views = procfsOfLimits ? lxcfsViews(container) : []
  if (cdi.length === 0) return { ...NO_EDITS, views, ...apparmor }
  // Read by the few that ask for it.
  const { cdiEdits } = await import('../cdi/edits.ts')
  return { ...(await cdiEdits(container, cdi)), views, ...apparmor }
}
