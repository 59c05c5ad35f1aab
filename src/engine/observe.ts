/**
 * What the machine has of a stack: records, checked against processes and the kernel's networks.
 */

import type { ContainerState, ObservedContainer, ObservedState } from '../planner/index.ts'
import { healthOf } from './health-state.ts'
import { containersOf, type LiveAttempt, type LiveContainer, type Machine } from './machine.ts'
import type { ContainerRecord } from './records/container.ts'
import { readNetworkRecords } from './records/network.ts'
import { readStackRecord } from './records/stack.ts'
import { measured, restartAfter } from './restart.ts'
import { observeVolumes } from './volume/volumes.ts'

export function observeStack(machine: Machine, stack: string): ObservedState {
  const record = readStackRecord(machine.paths, stack)
  return {
    ...observeContainers(machine, stack),
    ...(record ? { source: record.source } : {}),
    networks: observeNetworks(machine, stack),
    volumes: observeVolumes(machine, stack),
  }
}

export function observeContainers(
  machine: Machine,
  stack: string,
): Pick<ObservedState, 'stack' | 'containers'> {
  return { stack, containers: containersOf(machine, stack).map(observeContainer) }
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
  return {
    name: record.name,
    service: record.service,
    index: record.index,
    spec: record.spec,
    dependsOn: record.dependsOn,
    state: stateOf(container),
    health: healthOf(container),
    attempt: record.attempts,
    ...runOf(container),
    oomKilled: record.last?.oomKilled ?? false,
    stoppedByUser: record.stoppedByUser,
    ...(record.oneOff === undefined ? {} : { oneOff: record.oneOff }),
    addresses: (attempt?.record.interfaces ?? []).map(({ network, ipv4, ipv6 }) => ({
      network,
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
    })),
    ports: attempt?.record.ports ?? [],
    ...nextStartOf(container),
    ...memoryOf(record),
  }
}

type Memory = Pick<ObservedContainer, 'failure' | 'restarts' | 'specVersion' | 'history'>

/** What is remembered beside the last run. */
function memoryOf({ failure, restarts, specVersion, history, last }: ContainerRecord): Memory {
  return {
    ...(failure === undefined ? {} : { failure }),
    ...(restarts.restarts === 0 ? {} : { restarts: restarts.restarts }),
    ...(specVersion === undefined ? {} : { specVersion }),
    history: history ?? (last ? [last] : []),
  }
}

type Run = Pick<ObservedContainer, 'pid' | 'startedAt' | 'finishedAt' | 'exitCode'>

/** The running attempt, or the last one that ended. */
function runOf({ record, attempt }: LiveContainer): Run {
  if (attempt?.process) {
    const { pid, startedAt } = attempt.process
    const { exit } = attempt
    return exit ? { startedAt, exitCode: exit.exitCode, finishedAt: exit.at } : { pid, startedAt }
  }
  if (!record.last) return {}
  const { startedAt, finishedAt, exitCode } = record.last
  return { startedAt, finishedAt, exitCode }
}

function stateOf(container: LiveContainer): ContainerState {
  const { record, attempt, restart, starting } = container
  if (attempt?.process && !attempt.exit) return runningState(attempt)
  if (restart) return 'restarting'
  // The end is told before its clean-up; who waits for it must not take it for the last one.
  if (attempt?.process && attempt.exit) return willRestart(container) ? 'restarting' : 'exited'
  if (starting && record.last) return 'restarting'
  return record.last ? 'exited' : 'created'
}

function runningState({ paused }: LiveAttempt): ContainerState {
  return paused ? 'paused' : 'running'
}

function willRestart(container: LiveContainer): boolean {
  return nextStartOf(container).nextStartAt !== undefined
}

/** Before its back-off runs, an attempt that has ended is cleaned up. */
function nextStartOf({
  record,
  attempt,
  restart,
}: LiveContainer): Pick<ObservedContainer, 'nextStartAt'> {
  if (restart) return { nextStartAt: restart.at() }
  if (!attempt?.process || !attempt.exit) return {}
  const { startedAt } = attempt.process
  const { at: finishedAt, exitCode } = attempt.exit
  const clocked = measured(attempt.record, attempt.exit)
  const decision = restartAfter(record, { startedAt, finishedAt, exitCode, ...clocked })
  return decision.kind === 'stay' ? {} : { nextStartAt: finishedAt + decision.memory.delayMs }
}
