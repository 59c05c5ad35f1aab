/** What AppArmor does here, in words. */

import type { AppArmor } from '../daemon/index.ts'

export function appArmorText(seen: AppArmor): string {
  if (seen.kind === 'confines') return `containers are confined by "${seen.profile}"`
  const cure = seen.cure === undefined ? '' : ` (${seen.cure})`
  return `no profile is applied: ${seen.why}${cure}`
}
