/** Refuses what a container in a user namespace cannot share. */

import { EngineError } from '../../errors.ts'
import type { ContainerSpec } from '../../planner/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'

/**
 * The error for namespaces over which its root has no rights: without them it could not even make
 * its /proc and /sys.
 */
export function refuseForeign(machine: Machine, container: LiveContainer): EngineError | undefined {
  const { name, spec } = container.record
  const { pid, ipc, uts } = spec.namespaces ?? {}
  for (const [kind, mode] of Object.entries({ network: spec.network, pid, ipc, uts })) {
    const what = `Cannot start "${name}" in a user namespace: its ${kind} namespace is `
    if (mode === undefined) continue
    if (mode.kind === 'host' && kind !== 'uts') {
      return new EngineError('LAUNCH', `${what}the host's`, { hint: 'set userns_mode: host' })
    }
    const other = lenderOf(machine, container, mode)
    if (other === undefined || other.users?.first === container.users?.first) continue
    return new EngineError('LAUNCH', `${what}that of "${other.record.name}", with other users`, {
      hint: `share them as well: userns_mode: "${wordOf(mode)}"`,
    })
  }
  return undefined
}

type Mode =
  | ContainerSpec['network']
  | NonNullable<NonNullable<ContainerSpec['namespaces']>['ipc' | 'pid' | 'uts']>

/** Whose namespace it is; undefined for its own, and for a container that there is not. */
function lenderOf(
  machine: Machine,
  { record }: LiveContainer,
  mode: Mode,
): LiveContainer | undefined {
  return [...machine.containers.values()].find(({ record: { stack, service, name } }) =>
    mode.kind === 'service'
      ? stack === record.stack && service === mode.service
      : mode.kind === 'container' && name === mode.container,
  )
}

function wordOf(mode: Mode): string {
  if (mode.kind === 'service') return `service:${mode.service}`
  return mode.kind === 'container' ? `container:${mode.container}` : mode.kind
}
