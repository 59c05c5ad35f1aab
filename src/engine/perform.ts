/** Does the actions of a plan, one function for each kind. Each can be done again after a crash. */

import { EngineError } from '../errors.ts'
import {
  type Action,
  type DesiredContainer,
  FIRST_RUN,
  type NetworkSpec,
} from '../planner/index.ts'
import { announce } from './attempts.ts'
import { publishNames } from './container/network.ts'
import { killContainer } from './container/kill.ts'
import { pauseContainer, unpauseContainer } from './container/pause.ts'
import { addContainer, type LiveContainer, type Machine } from './machine.ts'
import { createContainerRecord } from './records/container.ts'
import {
  readLeases,
  readNetworkRecords,
  removeNetworkRecord,
  writeLeases,
  writeNetworkRecord,
} from './records/network.ts'
import { removeContainer, stopByUser } from './remove.ts'
import { startByUser } from './supervise.ts'
import { waitForDependencies } from './wait.ts'
import { createVolume, removeVolume } from './volume/volumes.ts'

/** Resolves when the effect of `action` on `stack` is there. */
export async function performAction(
  machine: Machine,
  stack: string,
  action: Action,
): Promise<void> {
  switch (action.kind) {
    case 'create-network':
      return createNetwork(machine, stack, action.network)
    case 'remove-network':
      return removeNetwork(machine, stack, action.network)
    case 'create-volume':
      return createVolume(machine, stack, action.volume)
    case 'remove-volume':
      return removeVolume(machine, stack, action.volume)
    case 'create-container':
      return createContainer(machine, stack, action.container)
    case 'start-container': {
      await waitForDependencies(machine, stack, action)
      return startByUser(machine, containerNamed(machine, action.name))
    }
    case 'stop-container': {
      return stopByUser(machine, containerNamed(machine, action.name), action.graceMs)
    }
    case 'remove-container':
      return removeContainer(machine, containerNamed(machine, action.name), action)
    case 'pause-container':
      return pauseContainer(machine, containerNamed(machine, action.name))
    case 'unpause-container':
      return unpauseContainer(machine, containerNamed(machine, action.name))
    case 'signal-container':
      return killContainer(machine, containerNamed(machine, action.name), action.signal)
  }
}

function createNetwork(machine: Machine, stack: string, spec: NetworkSpec): void {
  const known = readNetworkRecords(machine.paths, stack).find(
    (record) => record.spec.name === spec.name,
  )
  const wanted = spec.subnets.length > 0 ? spec.subnets : (known?.subnets ?? []).map(asSubnet)
  const { bridge, subnets, gateways } = machine.net.createNetwork({
    name: spec.name,
    stack,
    internal: spec.internal,
    subnets: wanted,
    mtu: mtuOf(spec),
  })
  writeNetworkRecord(machine.paths, stack, { spec, bridge, subnets, gateways })
}

const asSubnet = (subnet: string): { readonly subnet: string } => ({ subnet })

/** @see Docker's bridge driver options */
function mtuOf({ driverOptions }: NetworkSpec): number | undefined {
  const text = driverOptions['com.docker.network.driver.mtu'] ?? driverOptions['mtu']
  return text === undefined ? undefined : Number(text)
}

function removeNetwork(machine: Machine, stack: string, { name }: NetworkSpec): void {
  machine.net.removeNetwork(name)
  removeNetworkRecord(machine.paths, stack, name)
  const { [name]: _gone, ...leases } = readLeases(machine.paths, stack)
  writeLeases(machine.paths, stack, leases)
}

function createContainer(machine: Machine, stack: string, desired: DesiredContainer): void {
  const { name } = desired
  if (machine.containers.has(name)) {
    const owner = machine.containers.get(name)?.record.stack ?? stack
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot create container "${name}": stack "${owner}" has one of that name`,
      { hint: 'change "container_name", or take the other one down' },
    )
  }
  const record = {
    stack,
    name,
    service: desired.service,
    index: desired.index,
    spec: desired.spec,
    dependsOn: desired.dependsOn,
    ...(desired.oneOff === undefined ? {} : { oneOff: desired.oneOff }),
    createdAt: machine.now(),
    attempts: 0,
    stoppedByUser: false,
    restarts: FIRST_RUN,
  }
  createContainerRecord(machine.paths, record)
  const container = addContainer(machine, record)
  publishNames(machine, container.record, [])
  announce(machine, record, 'created')
}

function containerNamed(machine: Machine, name: string): LiveContainer {
  const container = machine.containers.get(name)
  if (!container)
    throw new EngineError('ACTION_FAILED', `Cannot find container "${name}": it is gone`)
  return container
}
