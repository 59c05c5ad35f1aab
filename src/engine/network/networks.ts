/** Makes and removes the networks of a stack, or those of no stack. */

import { EngineError } from '../../errors.ts'
import { countFree, type NetworkRequest } from '../../net/index.ts'
import type { DesiredState, NetworkSpec } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { STANDALONE } from '../paths.ts'
import { readNetworkRecords, removeNetworkRecord, writeNetworkRecord } from '../records/network.ts'
import { readStackRecord, removeStackRecord, stackNames } from '../records/stack.ts'
import { networkRequest } from './request.ts'

export function createNetwork(machine: Machine, stack: string, spec: NetworkSpec): void {
  const { bridge, subnets, gateways } = machine.net.createNetwork(requestFor(machine, stack, spec))
  writeNetworkRecord(machine.paths, stack, { spec, bridge, subnets, gateways })
}

/**
 * What the network room is asked for, with what it cannot see: networks that are not up now, and
 * how many containers `desired` connects.
 */
export function requestFor(
  machine: Machine,
  stack: string,
  spec: NetworkSpec,
  desired: DesiredState | undefined = readStackRecord(machine.paths, stack)?.desired,
): NetworkRequest {
  const all = [STANDALONE, ...stackNames(machine.paths)].flatMap((one) =>
    readNetworkRecords(machine.paths, one),
  )
  const known = all.find((record) => record.spec.name === spec.name)
  const taken = all.filter((record) => record.spec.name !== spec.name)
  const endpoints = desired ? endpointsIn(desired, spec.name) : 0
  const kept = (known?.subnets ?? []).filter(
    (subnet) => countFree({ subnet, taken: [] }) > endpoints,
  )
  const request = networkRequest(stack, spec, kept)
  return { ...request, endpoints, taken: taken.flatMap(({ subnets }) => subnets) }
}

/** How many containers of `desired` are to be connected to `network`. */
function endpointsIn({ containers }: DesiredState, network: string): number {
  return containers.filter(
    ({ spec }) =>
      spec.network.kind === 'networks' &&
      spec.network.attachments.some((attachment) => attachment.network === network),
  ).length
}

/** Throws while containers of other stacks are attached to it. */
export async function removeNetwork(
  machine: Machine,
  stack: string,
  { name }: NetworkSpec,
): Promise<void> {
  const users = usersOf(machine, name).filter((one) => one.stack !== stack)
  if (users[0]) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot remove network "${name}": container "${users[0].container}" of stack ` +
        `"${users[0].stack}" is attached to it; take that one down first`,
    )
  }
  await machine.net.removeNetwork(name)
  removeNetworkRecord(machine.paths, stack, name)
  machine.leases.removeNetwork(stack, name)
  const isLast = readNetworkRecords(machine.paths, stack).length === 0
  if (stack !== STANDALONE || !isLast) return
  removeStackRecord(machine.paths, stack)
  machine.leases.removeStack(stack)
}

/** Containers that have an interface in the network now. */
function usersOf(
  machine: Machine,
  network: string,
): readonly { readonly container: string; readonly stack: string }[] {
  return [...machine.containers.values()].flatMap(({ record, attempt }) =>
    attempt?.record.interfaces.some((one) => one.network === network) === true
      ? [{ container: record.name, stack: record.stack }]
      : [],
  )
}
