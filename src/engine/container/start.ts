/** Starts one attempt of a container: everything is prepared here, then a monitor runs it. */

import { closeSync, constants, openSync, rmSync } from 'node:fs'
import {
  closeCgroupJoin,
  type Fd,
  makeFifo,
  type LaunchProgram,
  spawn,
  spawnBeside,
  startTime,
} from '../../linux/index.ts'
import { errorText } from '../../errors.ts'
import type { RestartMemory } from '../../planner/index.ts'
import { cleanUpAttempt, tryUpdate, update, watchAttempt } from '../attempts.ts'
import type { Gate, HookRun } from '../cdi/hooks.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { claimParent, groupOf } from '../group-parents.ts'
import {
  type AttemptRecord,
  beginAttemptRecord,
  type ContainerRecord,
  type ProcessIdentity,
  withEnd,
  writeAttemptRecord,
} from '../records/container.ts'
import { rootMountPoint } from '../paths.ts'
import { cgroupSettings } from '../resources.ts'
import { openRootfs } from '../rootfs/index.ts'
import { Undo } from '../undo.ts'
import { openUsers } from '../users/open.ts'
import { assemble } from './assemble.ts'
import { endAll } from './end-all.ts'
import { hostDevices } from './devices.ts'
import type { HostEdits } from './edits.ts'
import { hostEdits } from './host-edits.ts'
import { exitCodeOfFailure } from './launch-failure.ts'
import { type Connection, connect, publishNames } from './network.ts'
import { applyFaults } from '../network/faults.ts'
import { openOutput } from './output.ts'
import { publishPorts } from './ports.ts'
import { Turn } from './turn.ts'

export interface Begin {
  /** Absent: now. */
  readonly ready?: (() => Promise<void>) | undefined
  /** Written down when it is started; absent: as it was. */
  readonly restarts?: RestartMemory | undefined
}

/**
 * Resolves once the program of the container runs. On failure everything of the attempt is gone
 * again, the record says why, and the error is thrown. With `ready` it is run when that resolves,
 * and is nothing that anybody else sees until then; if that rejects, it never was.
 */
export function startContainer(
  machine: Machine,
  container: LiveContainer,
  { ready, restarts = container.record.restarts }: Begin = {},
): Promise<void> {
  let isOver = false
  const show = (): void => {
    if (isOver) return
    container.restart = undefined
    container.starting = settled
  }
  const turn = new Turn(ready && (() => ready().then(show)))
  const started = start(machine, container, { turn, restarts })
  const settled = started
    .catch(() => {})
    .finally(() => {
      isOver = true
      if (container.starting === settled) container.starting = undefined
    })
  if (ready === undefined) show()
  return started
}

async function start(
  machine: Machine,
  container: LiveContainer,
  begin: { readonly turn: Turn; readonly restarts: RestartMemory },
): Promise<void> {
  const { turn } = begin
  while (container.held) await container.held
  // Of one whose end is known, group, interfaces and directory are removed by the names that this
  // one's will have. Why that failed, if it did, has been said.
  if (container.attempt?.exit) await container.attempt.ended.catch(() => undefined)
  await turn.begin()
  try {
    await startNow(machine, container, begin)
  } finally {
    turn.end()
  }
}

async function startNow(
  machine: Machine,
  container: LiveContainer,
  { turn, restarts }: Parameters<typeof start>[2],
): Promise<void> {
  const { record } = container
  container.draining = false
  const attempts = record.attempts + 1
  const { bootId } = machine
  turn.whenCome(() =>
    update(machine, container, {
      attempts,
      restarts,
      bootId,
      stoppedByUser: false,
      ill: undefined,
      failure: undefined,
    }),
  )
  const draft: Draft = {
    record: {
      attempt: attempts,
      bootId,
      begunAt: machine.now(),
      cgroup: groupOf(machine, record),
      interfaces: [],
      ports: [],
    },
    connection: { netns: undefined, interfaces: [], dns: undefined },
    temporary: new Undo(),
    turn,
  }
  try {
    await machine.processes.launch(machine, container, draft)
  } catch (error) {
    await draft.temporary.run()
    // An attempt that is followed cleans up after itself when its processes are gone.
    if (container.attempt) await abandon(machine, container.attempt, draft)
    else await cleanUpAttempt(machine, container, { record: draft.record, ...draft.connection })
    if (turn.isRefused) throw error
    turn.hasCome()
    const message = errorText(error)
    const last = resultOf(error, draft.record)
    const ended = last === undefined ? {} : withEnd(container.record, last)
    tryUpdate(machine, container, { failure: message, ...ended })
    throw error
  }
}

/** Ends what may run by now, and waits until it is cleaned up. */
async function abandon(machine: Machine, attempt: LiveAttempt, draft: Draft): Promise<void> {
  // Only a child that has joined its groups can be found there.
  await draft.started?.catch(() => {})
  await endAll(machine, { process: attempt.process, record: draft.record })
  await attempt.ended
}

/** A program that cannot be executed counts as one that ended, with the status shells give it. */
function resultOf(error: unknown, { attempt, begunAt }: AttemptRecord): ContainerRecord['last'] {
  const exitCode = exitCodeOfFailure(error)
  if (exitCode === undefined) return undefined
  const times = { startedAt: begunAt, finishedAt: begunAt }
  return { attempt, ...times, exitCode, oomKilled: false }
}

function hookPlace(
  { paths }: Machine,
  { own, record }: LiveContainer,
  child: Pick<HookRun, 'monitor' | 'owner'>,
): HookRun {
  const { hostname } = record.spec
  return {
    container: record.name,
    directory: own.run,
    root: rootMountPoint(paths),
    hostname,
    ...child,
  }
}

/** What has been made so far, filled in step by step, for whoever has to take it away again. */
export interface Draft {
  record: AttemptRecord
  connection: Connection
  /** Present once a monitor has been spawned; settles when the program runs, or never will. */
  started?: Promise<void>
  /** Descriptors that nobody needs once the program runs. */
  readonly temporary: Undo
  readonly turn: Turn
}

/** Makes everything of the attempt and runs it; resolves once the program runs. */
export async function launch(
  machine: Machine,
  container: LiveContainer,
  draft: Draft,
): Promise<void> {
  const { own, record } = container
  const { temporary, turn } = draft
  // Named before it is made: whoever finds this record after a crash knows what to look for.
  rmSync(own.run, { recursive: true, force: true })
  beginAttemptRecord(own, draft.record)
  const edits = await hostEdits(record.name, record.spec)
  const devices = [...hostDevices(record.name, record.spec), ...edits.devices]
  const settings = cgroupSettings(record.spec, machine.cgroups, devices)
  claimParent(machine, record)
  const cgroup = machine.cgroups.create(draft.record.cgroup, settings)
  const users = openUsers(machine, container, temporary)
  if (users) draft.record = { ...draft.record, users: users.ids }
  const beside = turn.hasOthers
  draft.connection = await connect(machine, record, { own: users?.network, beside })
  const { interfaces, netns, dns } = draft.connection
  draft.record = { ...draft.record, interfaces }
  const rootfs = openRootfs(machine, { container, interfaces, undo: temporary })
  await turn.come()
  const ports = await publishPorts(machine, record, interfaces)
  const { faults } = record.spec
  if (faults) applyFaults(machine, { netns, record: draft.record }, faults)
  draft.record = { ...draft.record, ports }
  const output = openOutput(container, temporary, users?.ids)
  const reports = makeReports(container, temporary)
  const gate = await gateFor(edits, temporary)
  const join = cgroup.join()
  temporary.push(() => closeCgroupJoin(join))
  const { program, descriptors, words, places } = assemble(machine, {
    container,
    rootfs,
    cgroup,
    join,
    netns,
    users,
    output,
    devices,
    edits,
    gate,
    reports,
    undo: temporary,
  })
  const { attempt, started } = watchAttempt(machine, container, {
    record: draft.record,
    netns,
    dns,
    notes: () => program.notes,
  })
  // Settles whatever comes: the end of the reports rejects it.
  draft.started = started
  attempt.words = words
  const fifo = openSync(own.fifo, constants.O_RDWR | constants.O_NONBLOCK)
  temporary.push(() => closeSync(fifo))
  publishNames(machine, record, interfaces)
  const passed = descriptors(fifo)
  const monitor = await spawnMonitor(machine, { container, program, descriptors: passed, turn })
  turn.spawned()
  attempt.record = { ...attempt.record, monitor, ...(places === undefined ? {} : { places }) }
  writeAttemptRecord(own, attempt.record)
  await gate?.pass(
    edits.hooks,
    hookPlace(machine, container, { monitor: monitor.pid, owner: users?.ids.first }),
  )
  // The FIFO ends when the monitor has ended: ours must not hold it open.
  await temporary.run()
  await started
  if (netns !== undefined) machine.namespaces.refillSoon()
}

/** Where the child waits for the hooks of its devices, if they have any. */
async function gateFor(edits: HostEdits, temporary: Undo): Promise<Gate | undefined> {
  if (edits.hooks.length === 0) return undefined
  const { openGate } = await import('../cdi/hooks.ts')
  const gate = openGate()
  temporary.push(() => gate.close())
  return gate
}

/** The FIFO and the file by which monitor and child report. */
function makeReports(container: LiveContainer, temporary: Undo): { readonly status: Fd } {
  makeFifo(container.own.fifo)
  const status = openSync(container.own.status, 'wx', 0o600)
  temporary.push(() => closeSync(status))
  return { status }
}

async function spawnMonitor(
  machine: Machine,
  monitor: {
    readonly container: LiveContainer
    readonly program: LaunchProgram
    readonly descriptors: Readonly<Record<number, Fd>>
    readonly turn: Turn
  },
): Promise<ProcessIdentity> {
  const { container, program, descriptors, turn } = monitor
  const options = {
    title: `tsstack: monitor ${container.record.name}`,
    descriptors,
    fallbackDirectory: container.own.run,
  }
  // One alone has nothing to go on with: a thread would only cost.
  const pid = turn.hasOthers ? await spawnBeside(program, options) : spawn(program, options)
  machine.children.add(pid)
  return { pid, startTime: startTime(pid) ?? 0 }
}
