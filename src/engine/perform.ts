/** Does the actions of a plan, one function for each kind. Each can be done again after a crash. */

import { EngineError } from '../errors.ts'
import { type Action, type DesiredContainer, FIRST_RUN, SPEC_VERSION } from '../planner/index.ts'
import { announce, update } from './attempts.ts'
import { change } from './changing.ts'
import { publishNames } from './container/network.ts'
import { killContainer } from './container/kill.ts'
import { pauseContainer, unpauseContainer } from './container/pause.ts'
import { createNetwork, removeNetwork } from './network/networks.ts'
import { changeConnection } from './network/update.ts'
import { pinImage } from './image-pins.ts'
import { addContainer, type LiveContainer, type Machine } from './machine.ts'
import { createContainerRecord, writeContainerSpec } from './records/container.ts'
import { runPreStop, startWithHooks } from './hooks.ts'
import { removeContainer, stopByUser } from './remove.ts'
import { cgroupSettings } from './resources.ts'
import { drain } from './drain.ts'
import { settleUpdate } from './settle.ts'
import { startByUser } from './supervise.ts'
import { canBeginEarly } from './container/turn.ts'
import { waitForDependencies } from './wait.ts'
import { createVolume, removeVolume } from './volume/volumes.ts'

export interface Performance {
  readonly signal?: AbortSignal | undefined
  /** Of a start: resolves when all that comes before it is done. */
  readonly turn?: (() => Promise<void>) | undefined
}

/** Resolves when the effect of `action` on `stack` is there. */
export async function performAction(
  machine: Machine,
  stack: string,
  action: Action,
  { signal, turn }: Performance,
): Promise<void> {
  if ('volume' in action) return changerOf(action)(machine, stack, action.volume)
  if ('network' in action) return changeNetwork(machine, stack, action)
  switch (action.kind) {
    case 'create-container':
      return createContainer(machine, stack, action.container)
    case 'start-container':
      return start(machine, stack, action, { signal, turn })
    case 'stop-container':
      return stop(machine, { action, signal })
    case 'settle-update':
      return settleUpdate(machine, { stack, action, signal })
    case 'remove-container':
      return remove(machine, action)
    case 'update-container':
    case 'pause-container':
    case 'unpause-container':
    case 'signal-container':
      return changeContainer(machine, action)
  }
}

/** Begins before its turn where nothing of it depends on what is done until then. */
async function start(
  machine: Machine,
  stack: string,
  action: Extract<Action, { kind: 'start-container' }>,
  { signal, turn }: Performance,
): Promise<void> {
  const over = new AbortController()
  const ready = async (): Promise<void> => {
    await turn?.()
    const ends = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal])
    await waitForDependencies(machine, stack, action, ends)
  }
  const known = machine.containers.get(action.name)
  if (known && canBeginEarly(known)) {
    // Nobody waits on for what could not be made ready.
    return startByUser(machine, known, ready).finally(() => over.abort())
  }
  await ready()
  const container = containerNamed(machine, action.name)
  return startWithHooks(machine, container, () => startByUser(machine, container))
}

type Stop = Extract<Action, { kind: 'stop-container' }>

/** Whoever leaves no time wants it gone, hooks or not. */
async function stop(
  machine: Machine,
  { action, signal }: { readonly action: Stop; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { graceMs } = action
  const container = containerNamed(machine, action.name)
  if (action.drain === true) await drain(machine, container, { graceMs, signal })
  if (graceMs > 0) await runPreStop(machine, container)
  return stopByUser(machine, container, graceMs)
}

async function remove(
  machine: Machine,
  action: Extract<Action, { kind: 'remove-container' }>,
): Promise<void> {
  const container = machine.containers.get(action.name)
  // One of `run --rm` goes by itself when it ends.
  if (container === undefined) return
  await removeContainer(machine, container, { ...action, keepStackGroup: true })
}

async function changeNetwork(
  machine: Machine,
  stack: string,
  { kind, network }: Extract<Action, { kind: 'create-network' | 'remove-network' }>,
): Promise<void> {
  const change = kind === 'create-network' ? createNetwork : removeNetwork
  return change(machine, stack, network)
}

function changerOf({ kind }: { readonly kind: 'create-volume' | 'remove-volume' }) {
  return kind === 'create-volume' ? createVolume : removeVolume
}

/** The actions on a container that goes on as the same one. */
// oxlint-disable-next-line typescript/consistent-return -- the switch covers every kind
async function changeContainer(
  machine: Machine,
  action: Extract<
    Action,
    { kind: 'update-container' | 'pause-container' | 'unpause-container' | 'signal-container' }
  >,
): Promise<void> {
  switch (action.kind) {
    case 'update-container':
      return updateContainer(machine, action.container)
    case 'pause-container':
      return pauseContainer(machine, containerNamed(machine, action.name))
    case 'unpause-container':
      return unpauseContainer(machine, containerNamed(machine, action.name))
    case 'signal-container':
      return killContainer(machine, containerNamed(machine, action.name), action.signal)
  }
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
    specVersion: SPEC_VERSION,
    dependsOn: desired.dependsOn,
    ...(desired.oneOff === undefined ? {} : { oneOff: desired.oneOff }),
    createdAt: machine.now(),
    attempts: 0,
    stoppedByUser: false,
    restarts: FIRST_RUN,
  }
  pinImage(machine.paths, record)
  createContainerRecord(machine.paths, record)
  const container = addContainer(machine, record)
  publishNames(machine, container.record, [])
  announce(machine, record, 'created')
}

/** The kernel first: what it refuses is not written down, and so is tried again. */
async function updateContainer(
  machine: Machine,
  { name, spec, dependsOn }: DesiredContainer,
): Promise<void> {
  const container = containerNamed(machine, name)
  await change(container, async () => {
    if (container.attempt) {
      const { devices: _, ...settings } = cgroupSettings(spec, machine.cgroups)
      machine.cgroups.open(container.attempt.record.cgroup).update(settings)
    }
    await changeConnection(machine, container, spec)
    update(machine, container, { spec, dependsOn })
    writeContainerSpec(machine.paths, container.record)
  })
}

function containerNamed(machine: Machine, name: string): LiveContainer {
  const container = machine.containers.get(name)
  if (!container)
    throw new EngineError('ACTION_FAILED', `Cannot find container "${name}": it is gone`)
  return container
}
