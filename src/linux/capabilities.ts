/** Capabilities by name and as masks. @see capabilities(7) */

import { readFileSync } from 'node:fs'

/** In the order of their numbers (include/uapi/linux/capability.h, up to Linux 7.2). */
export const CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
]

/** The 14 that Docker leaves to a container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
]

/** `NET_ADMIN` for `net_admin`, `CAP_NET_ADMIN`, …; undefined for what is no capability. */
export function capabilityName(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^CAP_/, '')
  return CAPABILITIES.includes(name) ? name : undefined
}

/** Number of a capability; a name the table does not have is our own mistake. */
export function capabilityNumber(name: string): number {
  const number = CAPABILITIES.indexOf(capabilityName(name) ?? '')
  if (number < 0) throw new Error(`No capability is named "${name}"`)
  return number
}

/** One bit for each name, as in the Cap* lines of /proc/PID/status. */
export function capabilityMask(names: Iterable<string>): bigint {
  let mask = 0n
  for (const name of names) mask |= 1n << BigInt(capabilityNumber(name))
  return mask
}

/** Names of the bits of `mask`, in the order of their numbers. */
export function capabilityNames(mask: bigint): string[] {
  return CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n)
}

/** Highest capability of the running kernel. */
export function lastCapability(): number {
  return Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))
}

/** The capabilities of this process that are in effect. */
export function effectiveCapabilities(): bigint {
  const status = readFileSync('/proc/thread-self/status', 'utf8')
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
}
