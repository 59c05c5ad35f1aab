/**
 * What would stop a plan half-way, looked for before anything is touched: networks that clash or
 * are not there, and ports that others have.
 */

import { EngineError } from '../../errors.ts'
import { type Action, type DesiredState, type Plan, placesOf } from '../../planner/index.ts'
import { checkAll } from '../check-all.ts'
import type { Machine } from '../machine.ts'
import { bindPorts } from './bind.ts'
import { checkRoom } from './room.ts'
import { findNetwork } from './records.ts'
import { requestFor } from './networks.ts'

/** Throws one error that names everything it found. */
export function checkNetworks(
  machine: Machine,
  plan: Plan,
  desired: DesiredState | undefined,
): void {
  if (!desired) return
  const removed = plan.actions.flatMap((action) =>
    action.kind === 'remove-network' ? [action.network.name] : [],
  )
  const created = plan.actions.flatMap((action) =>
    action.kind === 'create-network'
      ? [requestFor(machine, plan.stack, action.network, desired)]
      : [],
  )
  checkAll([
    ...created.map((request) => () => machine.net.checkNetwork({ ...request, removed })),
    ...desired.networks.flatMap((network) => {
      if (network.external) return () => checkExternal(machine, network.name)
      if (plan.actions.length === 0) return []
      const known = findNetwork(machine, network.name)?.subnets
      return () => checkRoom(network, desired, known)
    }),
    ...portChecks(machine, plan, desired),
  ])
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
function portChecks(machine: Machine, plan: Plan, desired: DesiredState): readonly (() => void)[] {
  const specs = new Map(
    placesOf(desired).map(({ name, spec, service }) => [name, { spec, service }]),
  )
  const going = plan.actions.flatMap((action) => goingBy(action))
  const names = plan.actions.flatMap((action) => takingBy(action))
  return [...new Set(names)].flatMap((name) => {
    const container = specs.get(name)
    if (!container || container.spec.ports.length === 0) return []
    const { spec, service } = container
    return [
      () =>
        machine.net.checkPorts({
          container: name,
          service,
          stack: plan.stack,
          ports: bindPorts(spec, desired.networks),
          leaving: going,
          ...(hasIpv6(desired, spec) ? { address: '0.0.0.0', address6: '::' } : {}),
        }),
    ]
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

function takingBy(action: Action): readonly string[] {
  if (action.kind === 'start-container') return [action.name]
  return action.kind === 'update-container' ? [action.container.name] : []
}
