/**
 * Puts the engine together: opens the state root, adopts what runs, and offers the `Engine` of
 * types.ts.
 */

import { bootId, detectCgroups, uptimeMs } from '../linux/index.ts'
import { createNet } from '../net/index.ts'
import { EngineError } from '../errors.ts'
import { type DesiredState, impactOf } from '../planner/index.ts'
import { adoptAll } from './adopt.ts'
import { applyDesired, changeStack, planChange, stopStack } from './apply.ts'
import { BUILD_STACK, runBuildStep } from './build-step.ts'
import { watchChildren } from './children.ts'
import { keyOf, withDigests } from './digests.ts'
import { execInContainer } from './container/exec.ts'
import { kernelProcesses } from './container/processes.ts'
import { openInput } from './container/input.ts'
import { openContainerFiles } from './copy/container.ts'
import { signalContainer } from './container/stop.ts'
import { factsOf } from './heal/facts.ts'
import { Healer } from './heal/healer.ts'
import { Forwarders } from './logs/forward/index.ts'
import { readContainerLog } from './logs/index.ts'
import { detailsOf, processesOf, sampleUsage } from './look.ts'
import { removeStalePins } from './image-pins.ts'
import { containersOf, type LiveContainer, type Machine } from './machine.ts'
import { NamespacePool } from './namespaces.ts'
import { readVolumes, runVolumeCommand } from './volume/command.ts'
import { LeaseBook } from './network/lease-book.ts'
import { readNetworks, runNetworkCommand } from './network/command.ts'
import { observeContainer, observeContainers, observeStack } from './observe.ts'
import { endOneOff, oneOffProblems, startOneOff } from './one-off.ts'
import { openPaths, systemCgroup } from './paths.ts'
import { planStack } from './plan.ts'
import { findProblems } from './preflight.ts'
import { readRevisions } from './records/history.ts'
import { readStackRecord, stackNames } from './records/stack.ts'
import { addTimings, readUsualMs } from './records/timings.ts'
import { cancelRestart } from './cancel-restart.ts'
import { RestartQueue } from './restart-queue.ts'
import type {
  ApplyResult,
  Engine,
  EngineEvent,
  EngineOptions,
  KernelFact,
  OneOffStart,
  StackSummary,
} from './types.ts'

/**
 * One engine per state root, in the network namespace and mount namespace of the caller. Throws
 * STATE_DIRECTORY, NO_CGROUP.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const paths = openPaths(options)
  const cgroups = detectCgroups()
  const leaveSystem = cgroups.enterSystem(systemCgroup(paths))
  const listeners = new Set<(event: EngineEvent) => void>()
  const children = watchChildren()
  const net = createNet({ rootId: paths.rootId, outside: options.outside })
  const machine: Machine = {
    paths,
    cgroups,
    children,
    net,
    namespaces: new NamespacePool(net, children),
    restarts: new RestartQueue(),
    leases: new LeaseBook(paths),
    processes: kernelProcesses,
    bootId: bootId(),
    values: new Map(),
    containers: new Map(),
    emit: (event) => {
      for (const listener of listeners) listener(event)
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    now: () => Date.now(),
    uptime: uptimeMs,
  }
  // Now, and not with the first secret: a state root is whole when it is made.
  keyOf(machine)
  await adoptAll(machine)
  removeStalePins(machine)
  machine.forwarders = new Forwarders(machine)
  const healer = new Healer(machine)
  return engineOn(machine, async () => {
    await healer.close()
    await machine.forwarders?.close()
    for (const container of machine.containers.values()) {
      await container.starting
      cancelRestart(container)
      await container.attempt?.leave.run()
    }
    machine.namespaces.close()
    await machine.net.close()
    leaveSystem()
  })
}

function engineOn(machine: Machine, close: () => Promise<void>): Engine {
  return {
    paths: machine.paths,
    observe: async (stack) => observeStack(machine, stack),
    observeContainers: (stack) => observeContainers(machine, stack),
    desired: (stack) => readStackRecord(machine.paths, stack)?.desired,
    stacks: async () =>
      stackNames(machine.paths)
        .filter((name) => name !== BUILD_STACK)
        .map((name) => summarize(machine, name)),
    plan: async (stack, desired, options) =>
      planStack(machine, { stack, desired: lookedAt(machine, desired), options }),
    planChange: async (stack, verb, options) => planChange(machine, stack, { ...options, verb }),
    problems: async (plan, desired) => findProblems(machine, plan, desired),
    impact: async (plan) =>
      impactOf(plan, observeStack(machine, plan.stack), readUsualMs(machine.paths)),
    apply: (stack, desired, options) =>
      timed(
        machine,
        applyDesired(machine, {
          stack,
          desired: desired && withDigests(machine, desired),
          options,
        }),
      ),
    stop: async (stack, options) => stopStack(machine, stack, options),
    change: (stack, verb, options) =>
      timed(machine, changeStack(machine, stack, { ...options, verb })),
    oneOffProblems: async (start) => oneOffProblems(machine, digested(forgetful(machine), start)),
    startOneOff: (start) => startOneOff(machine, digested(machine, start)),
    endOneOff: async (name, exitCode) => {
      const container = machine.containers.get(name)
      if (container) await endOneOff(machine, container, exitCode)
    },
    exec: async (name, request) => execInContainer(machine, containerNamed(machine, name), request),
    details: async (name) => {
      const container = machine.containers.get(name)
      return container && detailsOf(machine, container)
    },
    history: async (stack) => readRevisions(machine.paths, stack),
    facts: async (stack) => (await factsOf(machine, stack)).map(withoutMend),
    isFirewallWhole: async () => !machine.net.repair({ look: true }),
    hasFirewall: () => machine.net.capabilities().nftables,
    processes: async (name) => processesOf(machine, containerNamed(machine, name)),
    usage: async (name) => sampleUsage(machine, containerNamed(machine, name)),
    volumes: async () => readVolumes(machine),
    volume: async (command) => runVolumeCommand(machine, command),
    networks: async () => readNetworks(machine),
    network: (command) => runNetworkCommand(machine, command),
    serveHostNames: async (wish) => {
      const server = await machine.net.serveHostNames(wish)
      return () => server.close()
    },
    logs: (name, options) => readContainerLog(machine, containerNamed(machine, name), options),
    runBuildStep: (step) => runBuildStep(machine, step),
    subscribe: machine.subscribe,
    kill: async (name, signal) => signalContainer(machine, containerNamed(machine, name), signal),
    files: (name) => openContainerFiles(machine, containerNamed(machine, name)),
    input: (name) => openInput(containerNamed(machine, name)),
    isIdle: async () => isIdle(machine),
    close,
  }
}

async function timed(machine: Machine, work: Promise<ApplyResult>): Promise<ApplyResult> {
  const result = await work
  addTimings(machine.paths, result.outcomes)
  return result
}

/** A mere plan changes nothing: the values that come with it are forgotten. */
function lookedAt(machine: Machine, desired: DesiredState | undefined): DesiredState | undefined {
  return desired && withDigests(forgetful(machine), desired)
}

const forgetful = (machine: Machine): Machine => ({ ...machine, values: new Map(machine.values) })

/** The container is one of the stack's while its files are looked at. */
function digested<Start extends Pick<OneOffStart, 'desired' | 'container'>>(
  machine: Machine,
  start: Start,
): Start {
  const { desired, container } = start
  const all = withDigests(machine, { ...desired, containers: [...desired.containers, container] })
  const own = all.containers.find(({ name }) => name === container.name) ?? container
  const containers = all.containers.filter((each) => each !== own)
  return { ...start, desired: { ...all, containers }, container: own }
}

function withoutMend({ subject, name, field, desired, actual }: KernelFact): KernelFact {
  return { subject, name, field, desired, actual }
}

/** Nothing runs and nothing is to be started again. */
function isIdle(machine: Machine): boolean {
  return [...machine.containers.values()].every(
    ({ attempt, restart }) => attempt === undefined && restart === undefined,
  )
}

function summarize(machine: Machine, name: string): StackSummary {
  const source = readStackRecord(machine.paths, name)?.source
  const containers = containersOf(machine, name)
  const running = containers.filter((one) => isUp(one)).length
  return { name, ...(source ? { source } : {}), running, containers: containers.length }
}

function isUp(container: LiveContainer): boolean {
  const { state } = observeContainer(container)
  return state === 'running' || state === 'paused'
}

function containerNamed(machine: Machine, name: string): LiveContainer {
  const container = machine.containers.get(name)
  if (container) return container
  throw new EngineError(
    'NO_SUCH_SERVICE',
    `Cannot find container "${name}": there is none of that name`,
    {
      hint: 'see "tsstack ps -a"',
    },
  )
}
