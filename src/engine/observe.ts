/** What the machine has of a stack: records, checked against processes and the kernel's networks. */

import type { ContainerState, ObservedContainer, ObservedState } from '../planner/index.ts'
import { containersOf, type LiveContainer, type Machine } from './machine.ts'
import { readNetworkRecords } from './records/network.ts'
import { readStackRecord } from './records/stack.ts'
import { observeVolumes } from './volumes.ts'

export function observeStack(machine: Machine, stack: string): ObservedState {
  const record = readStackRecord(machine.paths, stack)
  return {
    stack,
    ...(record ? { source: record.source } : {}),
    containers: containersOf(machine, stack).map(observeContainer),
    networks: observeNetworks(machine, stack),
    volumes: observeVolumes(machine, stack),
  }
}

/** A network counts only while its bridge is there: one that somebody deleted is made again. */
function observeNetworks(machine: Machine, stack: string): ObservedState['networks'] {
  const present = new Set(machine.net.listNetworks().map(({ name }) => name))
  return readNetworkRecords(machine.paths, stack)
    .filter(({ spec }) => present.has(spec.name))
    .map(({ spec, bridge, subnets, gateways }) => ({ spec, bridge, subnets, gateways }))
}

export function observeContainer(container: LiveContainer): ObservedContainer {
  const { record, attempt } = container
  const result = attempt?.exit
    ? { exitCode: attempt.exit.exitCode, finishedAt: attempt.exit.at, oomKilled: false }
    : record.last
  const hasProgram = attempt?.process !== undefined
  return {
    name: record.name,
    service: record.service,
    index: record.index,
    spec: record.spec,
    dependsOn: record.dependsOn,
    state: stateOf(container),
    health: 'none',
    attempt: record.attempts,
    ...(attempt?.process ? { pid: attempt.process.pid } : {}),
    ...startOf(container),
    ...(!hasProgram || attempt?.exit ? finishOf(result) : {}),
    oomKilled: record.last?.oomKilled ?? false,
    stoppedByUser: record.stoppedByUser,
    addresses: (attempt?.record.interfaces ?? []).map(({ network, ipv4, ipv6 }) => ({
      network,
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
    })),
    ports: attempt?.record.ports ?? [],
    ...(record.failure === undefined ? {} : { failure: record.failure }),
  }
}

function stateOf({ record, attempt, restart }: LiveContainer): ContainerState {
  if (attempt?.process && !attempt.exit) return 'running'
  if (restart) return 'restarting'
  return attempt?.exit || record.last ? 'exited' : 'created'
}

function startOf({ record, attempt }: LiveContainer): { readonly startedAt?: number } {
  const startedAt = attempt?.process?.startedAt ?? record.last?.startedAt
  return startedAt === undefined ? {} : { startedAt }
}

function finishOf(result: { readonly exitCode: number; readonly finishedAt: number } | undefined): {
  readonly exitCode?: number
  readonly finishedAt?: number
} {
  return result ? { exitCode: result.exitCode, finishedAt: result.finishedAt } : {}
}
