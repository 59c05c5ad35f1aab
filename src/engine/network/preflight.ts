/**
 * What would stop a plan half-way, looked for before anything is touched: networks that clash or
 * are not there, and ports that others have.
 */

import { EngineError } from '../../errors.ts'
import { type Action, type DesiredState, type Plan, placesOf } from '../../planner/index.ts'
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
  const failures: EngineError[] = []
  const attempt = (check: () => void): void => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      failures.push(error)
    }
  }
  const removed = plan.actions.flatMap((action) =>
    action.kind === 'remove-network' ? [action.network.name] : [],
  )
  for (const action of plan.actions) {
    if (action.kind !== 'create-network') continue
    const request = requestFor(machine, plan.stack, action.network, desired)
    attempt(() => machine.net.checkNetwork({ ...request, removed }))
  }
  for (const network of desired.networks) {
    if (network.external) attempt(() => checkExternal(machine, network.name))
    else if (plan.actions.length > 0) {
      const known = findNetwork(machine, network.name)?.subnets
      attempt(() => checkRoom(network, desired, known))
    }
  }
  for (const check of portChecks(machine, plan, desired)) attempt(check)
  const [first] = failures
  if (!first) return
  if (failures.length === 1) throw first
  throw new EngineError(first.code, failures.map(({ message }) => message).join('\n'), {
    hint: first.hint,
  })
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
