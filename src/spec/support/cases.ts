/**
 * Values and reasons that the support table names more than once, or that need more than a line.
 */
import type { Plain } from '../tree/plain.ts'
import { type Place, textOf } from './support.ts'

export const SWARM = 'for clusters of machines; tsstack runs on one'
export const WINDOWS = 'for Windows only'
export const EXTERNAL = 'a file of that name in the state directory, below `external/`'

/** Where engines listen; files in the wild often mount it. */
export const ENGINE_SOCKET: RegExp = /(?:^|\/)(?:docker|podman|containerd)\.sock$/u
export const NO_ENGINE: string =
  'tsstack has no Docker API: what listens there, if anything, is another engine, which knows ' +
  'nothing of this stack'

/** Options of log files that are used. */
const LOGGING: ReadonlySet<string> = new Set(['max-size', 'max-file'])

/** Options of journald and syslog are checked by their own rule. */
export function logOptionGap({ key, sibling }: Place): string | undefined {
  const logging = sibling('logging')
  const { driver } = (logging ?? {}) as { readonly driver?: unknown }
  if (driver === 'journald' || driver === 'syslog' || LOGGING.has(key)) return undefined
  return 'only max-size and max-file are used'
}

/** Options of network drivers that have an effect. */
export const NETWORK_OPTIONS: ReadonlySet<string> = new Set([
  'mtu',
  'com.docker.network.driver.mtu',
  'com.docker.network.container_iface_prefix',
  'com.docker.network.bridge.name',
  'com.docker.network.bridge.enable_icc',
  'com.docker.network.bridge.enable_ip_masquerade',
  'tsstack.anti_spoofing',
  'com.docker.network.bridge.host_binding_ipv4',
  'parent',
  'macvlan_mode',
  'ipvlan_mode',
  'ipvlan_flag',
])

/** SELinux is not used, so that switching it off is done already. */
export const SECURITY: RegExp =
  /^(?:(?:no-new-privileges|writable-cgroups)(?:[=:].*)?|(?:seccomp|apparmor)[=:].+|systempaths[=:]unconfined|label[=:]disable)$/s

/** Docker's other caches hold what only its builder can read. */
export function otherCaches(value: Plain): string | undefined {
  const entries = Array.isArray(value) ? value : [value]
  const isLocal = entries.every((entry) => /(?:^|,)type=local(?:,|$)/u.test(textOf(entry)))
  return isLocal ? undefined : 'only type=local is used; steps have a cache on this machine anyway'
}

/** Forms of `userns_mode`. */
export const USERS: RegExp = /^(?:host|auto|private|(?:service|container):.+)$/su

/** Why a service publishes nothing, when it does not. */
export function noPorts({ sibling }: Place): string | undefined {
  const mode = sibling('network_mode') ?? 'bridge'
  if (mode === 'bridge' || mode === 'default') return undefined
  return `nothing is published with network_mode "${textOf(mode)}"`
}
