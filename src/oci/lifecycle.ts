/** What can be done with a container that has been created: start, signal, delete, wait. */

import { rmSync, writeSync } from 'node:fs'
import { launchFailure, listenToReports, signalNumber } from '../engine/index.ts'
import { EngineError, isErrno, UsageError } from '../errors.ts'
import {
  type Cgroup,
  CLONE_NEW,
  close,
  describeFailure,
  detectCgroups,
  type Fd,
  pidfdOpen,
  pidfdSendSignal,
  isExiting,
  startTime,
  unmount,
} from '../linux/index.ts'
import { holdPlace, holdStart, type Starter } from './hold.ts'
import { runHooks, tryHooks } from './hooks.ts'
import {
  absent,
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
  return listContainers(root).flatMap((id) => {
    // It may have been deleted since the directory was read.
    const found = findIfThere({ root, id })
    if (found === undefined) return []
    return [{ ...stateOf(found.container, found.status), created: found.container.created }]
  })
}

/** Resolves once its program runs; `warn` is told of poststart hooks that fail. */
export async function startContainer(which: Which, warn: (text: string) => void): Promise<void> {
  using starter = holdStart(placeOf(which.root, which.id))
  const { place, container, status } = find(which)
  const { id } = container
  if (status !== 'created' || starter === undefined || starter.isTaken) {
    const seen = startable(status, starter)
    throw new UsageError(
      `Cannot start container "${id}": it is ${seen}; only one that is created can be`,
    )
  }
  if (!container.hasProcess) {
    throw new UsageError(`Cannot start container "${id}": its config has no process`)
  }
  const inside = stateOf(container, 'created')
  try {
    await runHooks({ name: 'startContainer', container, state: inside })
    await execute(place, container, starter)
  } catch (error) {
    await end(container)
    throw error
  }
  const running = stateOf(container, 'running')
  await tryHooks({ name: 'poststart', container, state: running }, warn)
}

/** In the way of a start: what it is, when it looked as if it waited to be started. */
function startable(status: Status, starter: Starter | undefined): string {
  if (status !== 'created') return status
  return starter === undefined ? 'stopped' : 'being started'
}

/** Resolves when the child has executed its program, for that closes its end of the reports. */
function execute(place: Place, container: Container, { go }: Starter): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const reports = listenToReports(place.report, {
    started: () => {},
    exited: () => {},
    failed: (failure) => {
      reject(launchFailure(container.id, describeFailure({ calls: container.notes }, failure)))
    },
    gone: resolve,
  })
  writeSync(go, '\n')
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
  if (status === 'stopped' || !signalInit(container, number)) {
    throw new UsageError(`Cannot kill container "${container.id}": container not running`)
  }
}

/** False when it has ended. */
function signalInit(container: Container, signal: number): boolean {
  const pidfd = openInit(container)
  if (pidfd === undefined) return false
  try {
    pidfdSendSignal(pidfd, signal)
    return true
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false
    throw error
  } finally {
    close(pidfd)
  }
}

export function hasEnded({ pid, startTime: startedAt }: Container): boolean {
  return pid === undefined || startTime(pid) !== startedAt || isExiting(pid)
}

/** Its first process, whoever has the number later; undefined when it has ended. */
export function openInit(container: Container): Fd | undefined {
  const { pid } = container
  if (pid === undefined) return undefined
  let pidfd: Fd
  try {
    pidfd = pidfdOpen(pid)
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return undefined
    throw error
  }
  if (!hasEnded(container)) return pidfd
  close(pidfd)
  return undefined
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
  const place = placeOf(which.root, which.id)
  const early = force ? findIfThere(which) : undefined
  // Who creates it gives it up then, and takes back what there is.
  if (early?.status === 'creating') await end(early.container)
  using held = await holdPlace(place)
  const found = held && findIfThere(which)
  if (found === undefined) {
    if (!force) throw absent(which.id)
    if (held) removePlace(place)
    return
  }
  const { container, status } = found
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

function findIfThere(which: Which): Found | undefined {
  try {
    return find(which)
  } catch (error) {
    if (error instanceof UsageError) return undefined
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
