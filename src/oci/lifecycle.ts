/** What can be done with a container that has been created: start, signal, delete, wait. */

import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs'
import { launchFailure, listenToReports, signalNumber } from '../engine/index.ts'
import { EngineError, UsageError } from '../errors.ts'
import {
  type Cgroup,
  CLONE_NEW,
  close,
  describeFailure,
  detectCgroups,
  pidfdOpen,
  pidfdSendSignal,
  unmount,
} from '../linux/index.ts'
import { runHooks, tryHooks } from './hooks.ts'
import {
  type Container,
  listContainers,
  type OciState,
  type Place,
  placeOf,
  readContainer,
  removeGroup,
  removePlace,
  stateOf,
  type Status,
  statusOf,
} from './store.ts'

export interface Which {
  readonly root: string
  readonly id: string | undefined
}

interface Found {
  readonly place: Place
  readonly container: Container
  readonly status: Status
}

export function find({ root, id }: Which): Found {
  const place = placeOf(root, id)
  const container = readContainer(place, id)
  return { place, container, status: statusOf(place, container) }
}

export function readState(which: Which): OciState {
  const { container, status } = find(which)
  return stateOf(container, status)
}

export function listStates(root: string): readonly (OciState & { readonly created: string })[] {
  return listContainers(root).map((id) => {
    const { container, status } = find({ root, id })
    return { ...stateOf(container, status), created: container.created }
  })
}

/** Resolves once its program runs; `warn` is told of poststart hooks that fail. */
export async function startContainer(which: Which, warn: (text: string) => void): Promise<void> {
  const { place, container, status } = find(which)
  const { id } = container
  if (status !== 'created') {
    throw new UsageError(
      `Cannot start container "${id}": it is ${status}; only one that is created can be`,
    )
  }
  if (!container.hasProcess) {
    throw new UsageError(`Cannot start container "${id}": its config has no process`)
  }
  const inside = stateOf(container, 'created')
  try {
    await runHooks({ name: 'startContainer', container, state: inside })
    await execute(place, container)
  } catch (error) {
    await end(container)
    throw error
  }
  const running = stateOf(container, 'running')
  await tryHooks({ name: 'poststart', container, state: running }, warn)
}

/** Resolves when the child has executed its program, for that closes its end of the reports. */
function execute(place: Place, container: Container): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const reports = listenToReports(place.report, {
    started: () => {},
    exited: () => {},
    failed: (failure) => {
      reject(launchFailure(container.id, describeFailure({ calls: container.notes }, failure)))
    },
    gone: resolve,
  })
  const go = openSync(place.go, constants.O_WRONLY | constants.O_NONBLOCK)
  writeSync(go, '\n')
  closeSync(go)
  rmSync(place.go)
  return promise.finally(() => reports.close())
}

/** Throws USAGE for a container that has stopped. `all`: every process of its group. */
export function killContainer(which: Which, signal: string, all = false): void {
  const { container, status } = find(which)
  const number = signalNumber(signal)
  const group = groupOf(container)
  if (all) {
    for (const pid of group.processes()) trySignal(pid, number)
    return
  }
  if (status === 'stopped' || container.pid === undefined) {
    throw new UsageError(`Cannot kill container "${container.id}": container not running`)
  }
  const pidfd = pidfdOpen(container.pid)
  try {
    pidfdSendSignal(pidfd, number)
  } finally {
    close(pidfd)
  }
}

function trySignal(pid: number, signal: number): void {
  // One outside of our pid namespace, which is 0 here: as an argument of kill(2) that were us.
  if (pid <= 0) return
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

/** `force`: kills it first, and one that is not there is success. */
export async function deleteContainer(
  which: Which,
  options: { readonly force: boolean; readonly warn: (text: string) => void },
): Promise<void> {
  const { force, warn } = options
  if (force && !isThere(which)) {
    if (which.id !== undefined) removePlace(placeOf(which.root, which.id))
    return
  }
  const { place, container, status } = find(which)
  if (!force && status !== 'stopped') {
    throw new UsageError(
      `Cannot delete container "${container.id}": it is ${status}; kill it first, or use --force`,
    )
  }
  await end(container)
  if ((container.namespaces & CLONE_NEW.mnt) === 0) unmountAll(place.mountPoint)
  removeGroup(groupOf(container))
  if (container.unit !== undefined) {
    const { stopScope } = await import('./systemd-scope.ts')
    await stopScope(container.unit)
  }
  const state = stateOf(container, 'stopped')
  removePlace(place)
  await tryHooks({ name: 'poststop', container, state }, warn)
}

/** What a container without a mount namespace has left on the host: its root and the masks. */
function unmountAll(path: string): void {
  for (let mounts = 0; mounts < 2; mounts += 1) {
    try {
      unmount(path)
    } catch {
      // EINVAL: nothing is mounted there any more.
      return
    }
  }
}

function isThere(which: Which): boolean {
  try {
    find(which)
    return true
  } catch (error) {
    if (error instanceof UsageError && which.id !== undefined) return false
    throw error
  }
}

async function end(container: Container): Promise<void> {
  await groupOf(container).killAll()
}

function groupOf({ cgroup }: Container): Cgroup {
  return detectCgroups().open(cgroup)
}

/** Stops every process of the container, or lets them go on. */
export async function freezeContainer(which: Which, frozen: boolean): Promise<void> {
  const { container, status } = find(which)
  if (status === 'stopped') {
    const verb = frozen ? 'pause' : 'resume'
    throw new EngineError('LAUNCH', `Cannot ${verb} container "${container.id}": it has stopped`)
  }
  const group = groupOf(container)
  if (frozen) await group.freeze()
  else group.thaw()
}

/** Process ids of the container, as the host counts. */
export function processesOf(which: Which): readonly number[] {
  return groupOf(find(which).container).processes()
}
