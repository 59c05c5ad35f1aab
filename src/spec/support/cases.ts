/** Values and reasons that the support table names more than once, or that need more than a line. */
import { type Place, textOf } from './support.ts'

export const SWARM = 'for clusters of machines; tsstack runs on one'
export const WINDOWS = 'for Windows only'
export const FILES = 'the file is mounted as it is'

/** Options of log files that are used. */
export const LOGGING: ReadonlySet<string> = new Set(['max-size', 'max-file'])

/** AppArmor and SELinux are not used, so that switching them off is done already. */
export const SECURITY: RegExp =
  /^(?:no-new-privileges(?:[=:].*)?|(?:seccomp|apparmor)[=:]unconfined|label[=:]disable)$/s

/** Why a service publishes nothing, when it does not. */
export function noPorts({ sibling }: Place): string | undefined {
  const mode = sibling('network_mode') ?? 'bridge'
  if (mode === 'bridge' || mode === 'default') return undefined
  return `nothing is published with network_mode "${textOf(mode)}"`
}
