/** Which `sysctls:` a container may have: those that its own namespaces keep to themselves. */

import { EngineError } from '../../errors.ts'
import type { OciConfig, OciNamespace } from './oci.ts'

/**
 * Throws LAUNCH for a switch of the whole machine, and for one of a namespace that is the host's.
 * @see runc libcontainer/configs/validate
 */
export function checkSysctls(container: string, { linux }: OciConfig): void {
  for (const name of Object.keys(linux.sysctl)) {
    const namespace = namespaceOf(name)
    if (namespace === undefined) {
      throw refused(container, name, 'it belongs to the whole machine', {
        hint: 'set it on the host with sysctl(8), or remove it from "sysctls"',
      })
    }
    if (!linux.namespaces.some(({ type }) => type === namespace)) {
      throw refused(container, name, `the container has the host's ${namespace}`, {
        hint: 'remove it from "sysctls", or "network_mode: host"',
      })
    }
  }
}

/** Names of one namespace each; parts are plain words, so that no path leads elsewhere. */
function namespaceOf(name: string): OciNamespace | undefined {
  if (!/^[a-z0-9_]+(\.[\w-]+)+$/i.test(name)) return undefined
  if (name.startsWith('net.')) return 'network'
  if (name.startsWith('fs.mqueue.') || IPC.has(name)) return 'ipc'
  return name === 'kernel.domainname' ? 'uts' : undefined
}

/** @see ipc_namespaces(7) */
const IPC = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
])

function refused(
  container: string,
  name: string,
  why: string,
  details: { readonly hint: string },
): EngineError {
  const message = `Cannot set sysctl "${name}" in "${container}": ${why}`
  return new EngineError('LAUNCH', message, details)
}
