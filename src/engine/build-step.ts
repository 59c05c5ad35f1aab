/**
 * Runs one step of a build as a container of its own: on layers that are given, its changes kept
 * for whoever asked, and nothing else left behind.
 */

import { randomBytes } from 'node:crypto'
import { existsSync, renameSync } from 'node:fs'
import { LOG_SEGMENT_BYTES_MAX } from '../limits.ts'
import {
  type Action,
  type ContainerSpec,
  type MountSpec,
  type NetworkSpec,
  plainContainer,
} from '../planner/index.ts'
import { startContainer } from './container/start.ts'
import { killContainer } from './container/kill.ts'
import { readContainerLog } from './logs/index.ts'
import { containersOf, type LiveContainer, type Machine } from './machine.ts'
import { onAbort } from './on-abort.ts'
import { performAction } from './perform.ts'
import { stackDirectory } from './paths.ts'
import { removeContainer } from './remove.ts'
import { readNetworkRecords } from './records/network.ts'
import { removeStackRecord } from './records/stack.ts'
import type { BuildStep, StepMount } from './types.ts'

/** No stack of a user's is called so: their names begin with a letter or digit. */
export const BUILD_STACK = '_build'

/** The same in every build, so that a command that keeps it makes the same layer again. */
const HOSTNAME = 'build'

const NETWORK: NetworkSpec = {
  key: 'build',
  name: '_build',
  external: false,
  internal: false,
  driver: 'bridge',
  driverOptions: {},
  ipv6: false,
  subnets: [],
  labels: {},
}

/** Resolves to the exit status, or 128 + signal; `step.upper` then holds what was changed. */
export async function runBuildStep(machine: Machine, step: BuildStep): Promise<number> {
  const name = `${BUILD_STACK}-${randomBytes(6).toString('hex')}`
  while (dropping.has(machine)) await dropping.get(machine)?.catch(() => undefined)
  // Before its network: from now on nobody takes away what all steps share.
  await perform(machine, {
    id: name,
    after: [],
    reason: 'a step of a build',
    kind: 'create-container',
    container: { name, service: 'build', index: 1, spec: specOf(step), dependsOn: [] },
    changes: [],
  })
  const container = machine.containers.get(name)
  if (container === undefined) throw new Error(`Container "${name}" is gone`)
  try {
    if (step.network === 'default') await needNetwork(machine)
    return await run(machine, container, step)
  } finally {
    await removeStep(machine, container)
  }
}

/** What an earlier supervisor has left: nobody waits for it any more. */
export async function removeBuildSteps(machine: Machine): Promise<void> {
  for (const container of containersOf(machine, BUILD_STACK)) await removeStep(machine, container)
  await dropNetwork(machine)
}

async function run(machine: Machine, container: LiveContainer, step: BuildStep): Promise<number> {
  const { lowers, signal, onOutput, mounts } = step
  container.given = {
    lowers,
    sources: new Set(mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount.source] : []))),
  }
  const stop = (): void => {
    killContainer(machine, container, 'SIGKILL').catch(() => undefined)
  }
  signal.throwIfAborted()
  await startContainer(machine, container)
  // Whoever gave up while it was started as well.
  using _stopping = onAbort(signal, stop)
  for await (const { stream, bytes } of readContainerLog(machine, container, { follow: true })) {
    // A copy: the block's own bytes are the reader's again when the next one is asked for.
    await onOutput(stream, Buffer.from(bytes))
  }
  await container.attempt?.ended
  signal.throwIfAborted()
  renameSync(container.own.upper, step.upper)
  return container.record.last?.exitCode ?? UNKNOWN
}

/** 128 + SIGKILL: its monitor was killed. */
const UNKNOWN = 137

async function removeStep(machine: Machine, container: LiveContainer): Promise<void> {
  await removeContainer(machine, container, { anonymousVolumes: true })
  const others = containersOf(machine, BUILD_STACK)
  if (others.length === 0) await dropNetwork(machine)
}

async function needNetwork(machine: Machine): Promise<void> {
  if (readNetworkRecords(machine.paths, BUILD_STACK).length > 0) return
  const action = { id: 'network', after: [], reason: 'a step of a build needs it' }
  await perform(machine, {
    ...action,
    kind: 'create-network',
    network: NETWORK,
  })
}

/** Removals of what all steps share that are under way: whoever comes then waits. */
const dropping = new WeakMap<Machine, Promise<void>>()

function dropNetwork(machine: Machine): Promise<void> {
  const drop = (): Promise<void> =>
    removeShared(machine).finally(() => void dropping.delete(machine))
  const dropped = dropping.get(machine) ?? drop()
  dropping.set(machine, dropped)
  return dropped
}

async function removeShared(machine: Machine): Promise<void> {
  if (!existsSync(stackDirectory(machine.paths, BUILD_STACK))) return
  const action = { id: 'network', after: [], reason: 'no step is left' }
  if (readNetworkRecords(machine.paths, BUILD_STACK).length > 0) {
    await perform(machine, {
      ...action,
      kind: 'remove-network',
      network: NETWORK,
    })
  }
  removeStackRecord(machine.paths, BUILD_STACK)
  machine.leases.removeStack(BUILD_STACK)
}

function specOf(step: BuildStep): ContainerSpec {
  const { memoryBytesMax } = step
  // Never looked up: its layers are given.
  return plainContainer('build step', {
    entrypoint: [],
    command: step.args,
    environment: step.environment,
    workingDir: step.workingDir,
    ...(step.user === undefined || step.user === '' ? {} : { user: step.user }),
    hostname: HOSTNAME,
    stopSignal: 'SIGKILL',
    stopGraceMs: 0,
    mounts: step.mounts.map(mountOf),
    network: networkOf(step),
    extraHosts: step.extraHosts,
    resources: memoryBytesMax === undefined ? {} : { memoryBytesMax },
    ulimits: step.ulimits ?? {},
    ...(step.shmBytes === undefined ? {} : { shmBytes: step.shmBytes }),
    logging: { driver: 'local', segmentBytesMax: LOG_SEGMENT_BYTES_MAX, segmentsMax: SEGMENTS_MAX },
  })
}

/** A compiler that says more than this before anybody reads it loses the beginning of it. */
const SEGMENTS_MAX = 10

function networkOf({ network }: BuildStep): ContainerSpec['network'] {
  if (network !== 'default') return { kind: network }
  const attachment = { network: NETWORK.name, aliases: [], gatewayPriority: 0, priority: 0 }
  return { kind: 'networks', attachments: [attachment] }
}

/** Of no plan: nothing comes before it, and nobody cancels it. */
function perform(machine: Machine, action: Action): Promise<void> {
  return performAction(machine, BUILD_STACK, action, {})
}

function mountOf(mount: StepMount): MountSpec {
  const { target } = mount
  if (mount.kind === 'bind') {
    const { source, readOnly } = mount
    return { kind: 'bind', source, target, readOnly, createHostPath: false }
  }
  const { sizeBytes } = mount
  const size = sizeBytes === undefined ? {} : { sizeBytes }
  return { kind: 'tmpfs', target, options: ['exec'], ...size }
}
