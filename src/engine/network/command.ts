/** What `tsstack network` and `tsstack net` do: networks of no stack, and changes by hand. */

import { EngineError, UsageError } from '../../errors.ts'
import { didYouMean, type NetworkAttachment, type NetworkSpec } from '../../planner/index.ts'
import { update } from '../attempts.ts'
import { alone, change } from '../changing.ts'
import { usersOf, type LiveContainer, type Machine } from '../machine.ts'
import { STANDALONE } from '../paths.ts'
import { writeContainerSpec } from '../records/container.ts'
import { readNetworkRecords } from '../records/network.ts'
import { stackNames } from '../records/stack.ts'
import type { NetworkCommand } from '../types.ts'
import { attachmentsOf } from './attach.ts'
import { degrade, heal, partition } from './faults.ts'
import { createNetwork, removeNetwork, requestFor } from './networks.ts'
import { findNetwork } from './records.ts'
import { changeConnection } from './update.ts'

/** A network as `tsstack network ls` and `inspect` tell it. */
export interface NetworkReading {
  readonly spec: NetworkSpec
  /** Absent: made by `network create`. */
  readonly stack?: string
  /** False: only its record is there, as after a reboot. */
  readonly up: boolean
  readonly bridge: string
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly containers: readonly {
    readonly name: string
    readonly stack: string
    readonly ipv4?: string
    readonly ipv6?: string
  }[]
}

/** Names of what was changed. */
export async function runNetworkCommand(
  machine: Machine,
  command: NetworkCommand,
): Promise<readonly string[]> {
  switch (command.do) {
    case 'create':
      createStandalone(machine, command.spec)
      return [command.spec.name]
    case 'remove':
      for (const name of command.networks) {
        await alone(machine, () => removeStandalone(machine, name))
      }
      return command.networks
    case 'prune':
      return alone(machine, () => pruneNetworks(machine))
    case 'connect':
      await connectContainer(machine, command.container, command.attachment)
      return [command.container]
    case 'disconnect':
      await disconnectContainer(machine, command.container, command.network)
      return [command.container]
    case 'degrade':
      degrade(machine, command.containers, command.faults)
      return command.containers
    case 'partition':
      partition(machine, command.containers, command.others)
      return [...command.containers, ...command.others]
    case 'heal':
      heal(machine, command.containers)
      return command.containers
  }
}

export function readNetworks(machine: Machine): readonly NetworkReading[] {
  const present = new Set(machine.net.listNetworks().map(({ name }) => name))
  return [STANDALONE, ...stackNames(machine.paths)].flatMap((stack) =>
    readNetworkRecords(machine.paths, stack).map(({ spec, bridge, subnets, gateways }) => ({
      spec,
      ...(stack === STANDALONE ? {} : { stack }),
      up: present.has(spec.name),
      bridge,
      subnets,
      gateways,
      containers: containersOn(machine, spec.name),
    })),
  )
}

function containersOn(machine: Machine, network: string): NetworkReading['containers'] {
  return [...machine.containers.values()].flatMap(({ record, attempt }) =>
    (attempt?.record.interfaces ?? [])
      .filter((one) => one.network === network)
      .map(({ ipv4, ipv6 }) => ({
        name: record.name,
        stack: record.stack,
        ...(ipv4 === undefined ? {} : { ipv4 }),
        ...(ipv6 === undefined ? {} : { ipv6 }),
      })),
  )
}

function createStandalone(machine: Machine, spec: NetworkSpec): void {
  const other = findNetwork(machine, spec.name)
  if (other) {
    const owner = other.stack === STANDALONE ? '' : ` of stack "${other.stack}"`
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot create network "${spec.name}": there is one of that name${owner}`,
      { hint: 'choose another name, or remove that one' },
    )
  }
  machine.net.checkNetwork(requestFor(machine, STANDALONE, spec))
  createNetwork(machine, STANDALONE, spec)
}

/** Removes networks that no stack made. Throws for one that is in use, or is a stack's. */
async function removeStandalone(machine: Machine, name: string): Promise<void> {
  const found = findNetwork(machine, name)
  if (!found) throw noSuchNetwork(machine, name)
  if (found.stack !== STANDALONE) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot remove network "${name}": it belongs to stack "${found.stack}"`,
      { hint: `take the stack down with: tsstack -p ${found.stack} down` },
    )
  }
  await removeNetwork(machine, STANDALONE, found.spec)
}

/** Removes every network of no stack that nobody is attached to; returns their names. */
async function pruneNetworks(machine: Machine): Promise<readonly string[]> {
  const unused = readNetworkRecords(machine.paths, STANDALONE)
    .filter(({ spec }) => containersOn(machine, spec.name).length === 0)
    .filter(({ spec }) => !isWanted(machine, spec.name))
  await Promise.all(unused.map(({ spec }) => removeNetwork(machine, STANDALONE, spec)))
  return unused.map(({ spec }) => spec.name)
}

/** A container that does not run now will want it when it does. */
function isWanted(machine: Machine, network: string): boolean {
  return usersOf(machine).some((user) => attachmentsOf(user).some((one) => one.network === network))
}

/** The next `up` makes of it again what the stack file says. */
async function connectContainer(
  machine: Machine,
  name: string,
  attachment: NetworkAttachment,
): Promise<void> {
  await changeNamed(machine, name, ({ record }) => {
    if (!findNetwork(machine, attachment.network)) throw noSuchNetwork(machine, attachment.network)
    const present = attachmentsOf(record)
    if (present.some(({ network }) => network === attachment.network)) {
      throw new EngineError(
        'ACTION_FAILED',
        `Cannot connect "${name}" to network "${attachment.network}": it is connected already`,
      )
    }
    const aliases = [...new Set([record.service, name, ...attachment.aliases])]
    return [...present, { ...attachment, aliases }]
  })
}

async function disconnectContainer(machine: Machine, name: string, network: string): Promise<void> {
  await changeNamed(machine, name, ({ record }) => {
    const present = attachmentsOf(record)
    const rest = present.filter((one) => one.network !== network)
    if (rest.length === present.length) {
      throw new EngineError(
        'ACTION_FAILED',
        `Cannot disconnect "${name}" from network "${network}": it is not connected to it`,
      )
    }
    return rest
  })
}

/** `attachmentsFrom` says what it is to be connected to, by what it is when its turn has come. */
function changeNamed(
  machine: Machine,
  name: string,
  attachmentsFrom: (container: LiveContainer) => readonly NetworkAttachment[],
): Promise<void> {
  const changeNow = (): Promise<void> => {
    // It may have gone meanwhile.
    const container = containerNamed(machine, name)
    return changeAttachments(machine, container, attachmentsFrom(container))
  }
  return change(containerNamed(machine, name), () => alone(machine, changeNow))
}

async function changeAttachments(
  machine: Machine,
  container: LiveContainer,
  attachments: readonly NetworkAttachment[],
): Promise<void> {
  const { spec, name } = container.record
  if (spec.network.kind !== 'networks') {
    throw new UsageError(
      `Cannot change the networks of "${name}": it has network_mode "${spec.network.kind}"`,
    )
  }
  const changed = { ...spec, network: { kind: 'networks' as const, attachments } }
  await changeConnection(machine, container, changed)
  update(machine, container, { spec: changed })
  writeContainerSpec(machine.paths, container.record)
}

function containerNamed(machine: Machine, name: string): LiveContainer {
  const container = machine.containers.get(name)
  if (container) return container
  throw new EngineError('NO_SUCH_SERVICE', `Cannot find container "${name}": there is none`, {
    hint: 'see "tsstack ps -a"',
  })
}

function noSuchNetwork(machine: Machine, name: string): EngineError {
  const known = readNetworks(machine).map(({ spec }) => spec.name)
  const guess = didYouMean(name, known)
  return new EngineError('ACTION_FAILED', `Cannot find network "${name}": there is none`, {
    hint: guess === undefined ? 'see "tsstack network ls"' : `Did you mean "${guess}"?`,
  })
}
