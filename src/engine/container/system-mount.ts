/** Whether a stack has put something else where sysfs is. */

import { statfsSync } from 'node:fs'
import type { OciMount } from './oci.ts'

/** include/uapi/linux/magic.h */
const SYSFS_MAGIC = 0x6265_6572

/**
 * True when what lies on /sys is no sysfs: it has no place for the control groups, and nothing that
 * would have to be hidden.
 */
export function coversSystem(mounts: readonly OciMount[]): boolean {
  return mounts.some((mount) => mount.destination === '/sys' && !isSystem(mount))
}

function isSystem({ type, source }: OciMount): boolean {
  if (type === 'sysfs') return true
  if (type !== 'bind') return false
  try {
    return statfsSync(source).type === SYSFS_MAGIC
  } catch {
    // A volume by its name, or what is refused by its own check.
    return false
  }
}
