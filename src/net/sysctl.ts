/** Kernel settings below /proc/sys/net, of the network namespace the thread is in. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'

export const SYSCTL_ROOT = '/proc/sys/net'

/** One setting; undefined when this kernel does not have it. */
export function readSysctl(name: string): string | undefined {
  const path = `${SYSCTL_ROOT}/${name}`
  // Most that are asked for are not there, and an error costs more than a look.
  if (!existsSync(path)) return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes one setting; false when this kernel (or a read-only /proc/sys) does not have it. */
export function writeSysctl(name: string, value: string): boolean {
  try {
    writeFileSync(`${SYSCTL_ROOT}/${name}`, value)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EROFS') return false
    throw error
  }
}

let ipv6Seen = false

/** False where IPv6 was switched off at boot. What is there does not go away. */
export function hasIpv6(): boolean {
  ipv6Seen ||= existsSync(`${SYSCTL_ROOT}/ipv6/conf`)
  return ipv6Seen
}
