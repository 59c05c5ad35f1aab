/**
 * Puts the engine together: opens the state root, adopts what runs, and offers the `Engine` of
 * types.ts.
 */

import assert from 'node:assert/strict'
import { bootId, detectCgroups, type EnteredGroup, uptimeMs } from '../linux/index.ts'
import { createNet, type Net } from '../net/index.ts'
import { EngineError } from '../errors.ts'
import { type DesiredState, impactOf } from '../planner/index.ts'
import { adoptAll } from './adopt.ts'
import { applyDesired, changeStack, planChange, stopStack } from './apply.ts'
import { BUILD_STACK, runBuildStep } from './build-step.ts'
import { alone } from './changing.ts'
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
 * One engine per state root, in the network namespace and mount namespace of the caller. What ran
 * before is followed again; where nothing is recorded, the engine is there before all of it is
 * opened, and whatever needs more than records waits. Throws STATE_DIRECTORY, NO_CGROUP.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const paths = openPaths(options)
  const cgroups = detectCgroups()
  const listeners = new Set<(event: EngineEvent) => void>()
  const children = watchChildren()
  let kernel: Pick<Machine, 'net' | 'namespaces'> | undefined
  const opened = (): Pick<Machine, 'net' | 'namespaces'> => {
    assert(kernel, 'the engine is used before it is opened')
    return kernel
  }
  const machine: Machine = {
    paths,
    cgroups,
    children,
    get net() {
      return opened().net
    },
    get namespaces() {
      return opened().namespaces
    },
    restarts: new RestartQueue(),
    leases: new LeaseBook(paths),
    processes: kernelProcesses,
    bootId: bootId(),
    values: new Map(),
    containers: new Map(),
    plans: new Set(),
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
  const system = cgroups.enterSystem(systemCgroup(paths))
  const opening = open(machine, { ...options, system }, (net) => {
    kernel = { net, namespaces: new NamespacePool(net, children) }
  })
  const engine = engineOn(machine, opening)
  if (stackNames(paths).length > 0) await engine.opened
  return engine
}

type Close = () => Promise<void>

/** Takes what the kernel has to give, and takes over what an earlier engine left. */
async function open(
  machine: Machine,
  { outside, system }: Pick<EngineOptions, 'outside'> & { readonly system: EnteredGroup },
  use: (net: Net) => void,
): Promise<Close> {
  // The kernel takes its time for both: it waits until every processor has been elsewhere (RCU).
  const [net] = await Promise.all([
    createNet({ rootId: machine.paths.rootId, outside }),
    system.entered,
  ])
  use(net)
  await adoptAll(machine)
  removeStalePins(machine)
  machine.forwarders = new Forwarders(machine)
  const healer = new Healer(machine)
  return async () => {
    machine.isClosing = true
    await healer.close()
    await machine.forwarders?.close()
    for (const container of machine.containers.values()) await leave(container)
    machine.namespaces.close()
    await machine.net.close()
    system.leave()
  }
}

/** What runs of it goes on; what has begun to be cleaned up comes to its end. */
async function leave(container: LiveContainer): Promise<void> {
  await container.starting
  await cancelRestart(container)
  await alone(container, () => container.attempt?.leave.run())
  if (container.attempt?.isGone === true) await container.attempt.ended.catch(() => undefined)
}

function engineOn(machine: Machine, opening: Promise<Close>): Engine {
  const opened = opening.then(() => machine)
  const isOpened = opened.then(() => undefined)
  // Whoever uses it hears of a failure.
  isOpened.catch(() => {})
  return {
    paths: machine.paths,
    opened: isOpened,
    observe: async (stack) => observeStack(await opened, stack),
    observeContainers: (stack) => observeContainers(machine, stack),
    desired: (stack) => readStackRecord(machine.paths, stack)?.desired,
    stacks: async () =>
      stackNames(machine.paths)
        .filter((name) => name !== BUILD_STACK)
        .map((name) => summarize(machine, name)),
    plan: async (stack, desired, options) =>
      planStack(await opened, { stack, desired: lookedAt(machine, desired), options }),
    planChange: async (stack, verb, options) =>
      planChange(await opened, stack, { ...options, verb }),
    problems: async (plan, desired) => findProblems(await opened, plan, desired),
    impact: async (plan) =>
      impactOf(plan, observeStack(await opened, plan.stack), readUsualMs(machine.paths)),
    apply: async (stack, desired, options) =>
      timed(
        machine,
        applyDesired(await opened, {
          stack,
          desired: desired && withDigests(machine, desired),
          options,
        }),
      ),
    stop: async (stack, options) => stopStack(await opened, stack, options),
    change: async (stack, verb, options) =>
      timed(machine, changeStack(await opened, stack, { ...options, verb })),
    oneOffProblems: async (start) =>
      oneOffProblems(await opened, digested(forgetful(machine), start)),
    startOneOff: async (start) => startOneOff(await opened, digested(machine, start)),
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
    facts: async (stack) => (await factsOf(await opened, stack)).map(withoutMend),
    isFirewallWhole: async () => !(await opened).net.repair({ look: true }),
    hasFirewall: async () => (await opened).net.capabilities().nftables,
    processes: async (name) => processesOf(machine, containerNamed(machine, name)),
    usage: async (name) => sampleUsage(machine, containerNamed(machine, name)),
    volumes: async () => readVolumes(machine),
    volume: async (command) => runVolumeCommand(machine, command),
    networks: async () => readNetworks(await opened),
    network: async (command) => runNetworkCommand(await opened, command),
    serveHostNames: async (wish) => {
      const server = await (await opened).net.serveHostNames(wish)
      return () => server.close()
    },
    logs: (name, options) => readContainerLog(machine, containerNamed(machine, name), options),
    runBuildStep: async (step) => runBuildStep(await opened, step),
    subscribe: machine.subscribe,
    kill: async (name, signal) => signalContainer(machine, containerNamed(machine, name), signal),
    files: (name) => openContainerFiles(machine, containerNamed(machine, name)),
    input: (name) => openInput(containerNamed(machine, name)),
    // One that could not be opened has nothing to do.
    isIdle: () => opened.then(isIdle, () => true),
    close: () => opening.then((close) => close()),
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
