/**
 * What of networks would stop a plan half-way: those that clash or are not there, and ports that
 * others have.
 */

import { EngineError } from '../../errors.ts'
import {
  type Action,
  attachedNetworks,
  type DesiredState,
  type NetworkSpec,
  type Plan,
} from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { type Check, containersIn } from '../checks.ts'
import { bindPorts } from './bind.ts'
import { checkRoom } from './room.ts'
import { findNetwork } from './records.ts'
import { requestFor } from './networks.ts'

/** What to look at, in the order of networks and then of services. */
export function checkNetworks(
  machine: Machine,
  plan: Plan,
  desired: DesiredState,
): readonly Check[] {
  const removed = plan.actions.flatMap((action) =>
    action.kind === 'remove-network' ? [action.network.name] : [],
  )
  const created = plan.actions.flatMap((action) =>
    action.kind === 'create-network'
      ? [requestFor(machine, plan.stack, action.network, desired)]
      : [],
  )
  const needed = new Set(
    containersIn(plan, desired).flatMap(({ spec }) => [...attachedNetworks(spec)]),
  )
  const isNeeded = ({ name }: NetworkSpec): boolean =>
    desired.allResources === true || needed.has(name)
  return [
    ...desired.networks.flatMap((network): readonly Check[] => {
      const about = { kind: 'network', key: network.key } as const
      if (network.external) {
        return isNeeded(network)
          ? [{ about, look: () => checkExternal(machine, network.name) }]
          : []
      }
      const request = created.find(({ name }) => name === network.name)
      const clash = request && {
        about,
        look: () => machine.net.checkNetwork({ ...request, removed }),
      }
      if (plan.actions.length === 0) return clash ? [clash] : []
      const known = findNetwork(machine, network.name)?.subnets
      return [...(clash ? [clash] : []), { about, look: () => checkRoom(network, desired, known) }]
    }),
    ...portChecks(machine, plan, desired),
  ]
}

function checkExternal(machine: Machine, name: string): void {
  if (findNetwork(machine, name)) return
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot use network "${name}": it is declared external, and does not exist`,
    { hint: `make it with "tsstack network create ${name}", or remove "external"` },
  )
}

/** Ports of containers that the plan makes or changes, but for what those hold that go. */
function portChecks(machine: Machine, plan: Plan, desired: DesiredState): readonly Check[] {
  const going = plan.actions.flatMap((action) => goingBy(action))
  return containersIn(plan, desired).flatMap(({ name, spec, service }) => {
    if (spec.ports.length === 0) return []
    const ports = bindPorts(spec, desired.networks)
    const refused = machine.net.checkPorts({
      container: name,
      service,
      stack: plan.stack,
      ports,
      leaving: going,
      ...(hasIpv6(desired, spec) ? { address: '0.0.0.0', address6: '::' } : {}),
    })
    return refused.flatMap(({ port, error }): readonly Check[] => {
      const said = spec.ports[ports.findIndex((one) => one === port)]
      const look = (): void => {
        throw error
      }
      return said === undefined ? [] : [{ about: { kind: 'port', service, port: said }, look }]
    })
  })
}

function hasIpv6(desired: DesiredState, { network }: DesiredState['containers'][number]['spec']) {
  if (network.kind !== 'networks') return false
  const names = new Set(network.attachments.map((one) => one.network))
  return desired.networks.some(
    ({ name, ipv6, subnets }) =>
      names.has(name) && (ipv6 || subnets.some(({ subnet }) => subnet.includes(':'))),
  )
}

/** Containers whose ports are free by the time that others need them. */
function goingBy(action: Action): readonly string[] {
  if (action.kind === 'stop-container' || action.kind === 'remove-container') return [action.name]
  return action.kind === 'update-container' ? [action.container.name] : []
}
