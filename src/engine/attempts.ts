/** Follows an attempt from its start to its end, and leaves nothing of it behind. */

import { rmSync } from 'node:fs'
import { close, describeFailure, type Failure, type Fd, type ProgramNotes } from '../linux/index.ts'
import type { DnsServer } from '../net/index.ts'
import { EngineError, isErrno, errorText } from '../errors.ts'
import { alone } from './changing.ts'
import { endAll } from './container/end-all.ts'
import { launchFailure } from './container/launch-failure.ts'
import { moverEnded } from './container/orphaned-mover.ts'
import { forgetNames, publishNames } from './container/network.ts'
import type { EngineEvent } from './types.ts'
import type { LiveAttempt, LiveContainer, Machine } from './machine.ts'
import type { ContainerPaths } from './paths.ts'
import { Undo } from './undo.ts'
import { measured } from './restart.ts'
import { exitCodeOf, type ExitStatus, readAttemptStatus } from './records/attempt.ts'
import { warn } from './warn.ts'
import {
  type AttemptRecord,
  type ContainerRecord,
  withEnd,
  writeContainerChange,
} from './records/container.ts'

/** 128 + SIGKILL: what a container dies of when its monitor does. */
const KILLED = 137

export interface Watched {
  readonly record: AttemptRecord
  readonly netns: Fd | undefined
  readonly dns: DnsServer | undefined
  /** What the operations of the launch program mean; an adopted attempt has started already. */
  readonly notes?: () => ProgramNotes
}

/**
 * Begins to follow an attempt through its FIFO. `started` resolves once the program runs and
 * rejects with the failed call when it never does; `LiveAttempt.ended` resolves when all is cleaned
 * up.
 */
export function watchAttempt(
  machine: Machine,
  container: LiveContainer,
  watched: Watched,
): { readonly attempt: LiveAttempt; readonly started: Promise<void> } {
  const started = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const attempt: LiveAttempt = {
    record: watched.record,
    netns: watched.netns,
    dns: watched.dns,
    process: undefined,
    exit: undefined,
    over: over.promise,
    ended: ended.promise,
    leave: new Undo(),
  }
  let failure: Failure | undefined
  // The launch program with them: 100 kB that nobody needs once it runs.
  let { notes } = watched
  const reports = machine.processes.listen(container.own.fifo, {
    started: (pid) => {
      // The child is gone when its program was never executed; the monitor cannot tell.
      // Nor is it news when an earlier supervisor died with the message unread.
      if (failure ?? attempt.process) return
      notes = undefined
      try {
        setRunning(machine, container, { attempt, pid })
      } catch (error) {
        // Without descriptors it can be neither followed nor signalled: whoever starts it ends it.
        return started.reject(error)
      }
      started.resolve()
      announce(machine, container.record, 'started')
    },
    failed: (reported) => (failure = reported),
    exited: (waitStatus) => {
      setExited(machine, container, { attempt, waitStatus })
      over.resolve()
      endStragglers(machine, container, attempt)
    },
    gone: () => {
      over.resolve()
      // Nobody may await `started`: an adopted attempt has none.
      started.promise.catch(() => {})
      if (!attempt.process) started.reject(startFailure(container.record, notes, failure))
      attempt.isGone = true
      finishAttempt(machine, container, attempt).then(ended.resolve, ended.reject)
    },
  })
  // Not before somebody hears of its end: who finds an attempt waits for that.
  container.attempt = attempt
  attempt.leave.push(() => {
    // Then all of it is closed as it is cleaned up.
    if (attempt.isGone === true) return
    reports.close()
    letGo(machine, attempt)
    if (attempt.netns !== undefined) close(attempt.netns)
  })
  return { attempt, started: started.promise }
}

/**
 * Takes the identity of the program; one that has been reaped already is reported as exited next.
 */
export function setRunning(
  machine: Machine,
  container: LiveContainer,
  { attempt, pid }: { readonly attempt: LiveAttempt; readonly pid: number },
): void {
  const startedAt = readAttemptStatus(container.own.status)?.startedAt ?? machine.now()
  // The monitor reaps the pid only after it has written the end: without that it is still ours.
  attempt.process = { pid, pidfd: machine.processes.hold(pid), startedAt }
}

/** From now on the number of its descriptor may be another's. */
function letGo(machine: Machine, attempt: LiveAttempt): void {
  const { process } = attempt
  if (process?.pidfd === undefined) return
  attempt.process = { ...process, pidfd: undefined }
  machine.processes.release(process.pidfd)
}

function setExited(
  machine: Machine,
  container: LiveContainer,
  { attempt, waitStatus }: { readonly attempt: LiveAttempt; readonly waitStatus: number },
): void {
  const exit = writtenEnd(container) ?? {
    exitCode: exitCodeOf(waitStatus),
    at: machine.now(),
    uptimeMs: machine.uptime(),
  }
  attempt.exit = { ...exit, exitCode: attempt.ownExitCode ?? exit.exitCode }
  attempt.endedItself = !container.record.stoppedByUser
  announce(machine, container.record, 'exited', attempt.exit.exitCode)
}

/** What the monitor has written of the end; undefined as well when that cannot be read now. */
function writtenEnd({ own }: LiveContainer): ExitStatus | undefined {
  try {
    return readAttemptStatus(own.status)?.ended
  } catch {
    // No descriptor is left: what the monitor reports beside it has to do.
    return undefined
  }
}

/**
 * In a pid namespace of its own everything ends with pid 1. In a shared one what it has left behind
 * goes on, and would hold its output open for ever.
 */
function endStragglers(machine: Machine, { record }: LiveContainer, attempt: LiveAttempt): void {
  if (record.spec.namespaces?.pid === undefined) return
  endAll(machine, attempt)
    // A group that is gone has nothing left in it.
    .catch(() => {})
}

/** Everything of the attempt has ended: keeps how it went and removes what it used. */
async function finishAttempt(
  machine: Machine,
  container: LiveContainer,
  attempt: LiveAttempt,
): Promise<void> {
  if (attempt.process && !attempt.exit) {
    // The monitor was killed. Its child went with it (PR_SET_PDEATHSIG), unless it has executed a
    // setuid program, which loses that; others may be left as well.
    await endAll(machine, attempt).catch((error: unknown) =>
      warn(machine, container.record.stack, error),
    )
    await moverEnded(machine, container.own)
    attempt.exit = writtenEnd(container) ?? lostExit(machine)
    announce(machine, container.record, 'exited', attempt.exit.exitCode)
  }
  const { oomKilled, ...peak } = memoryOf(machine, attempt.record)
  if (oomKilled) announce(machine, container.record, 'oom')
  if (attempt.process && attempt.exit) {
    const { process, exit } = attempt
    const last = {
      attempt: attempt.record.attempt,
      startedAt: process.startedAt,
      finishedAt: exit.at,
      exitCode: exit.exitCode,
      oomKilled,
      ...measured(attempt.record, exit),
      ...peak,
    }
    tryUpdate(machine, container, withEnd(container.record, last))
  }
  // Whoever changes it first would otherwise go on with what is closed here.
  await alone(container, async () => {
    letGo(machine, attempt)
    try {
      await cleanUpAttempt(machine, container, attempt)
    } finally {
      // What could not be removed has its record still, by which the container's removal finds it.
      container.attempt = undefined
    }
  })
  if (attempt.endedItself === true) machine.namespaces.refill()
}

/**
 * Removes everything that an attempt may have made; what is not there is success. Runs to the end.
 */
export async function cleanUpAttempt(
  machine: Machine,
  container: LiveContainer,
  attempt: Pick<LiveAttempt, 'record' | 'netns' | 'dns'>,
): Promise<void> {
  publishNames(machine, container.record, [])
  await removeAttempt(machine, { name: container.record.name, own: container.own, attempt })
}

/** The same for a container of which nothing is known but its name. */
export async function removeAttempt(
  machine: Machine,
  {
    name,
    own,
    attempt,
  }: {
    readonly name: string
    readonly own: ContainerPaths
    readonly attempt: Pick<LiveAttempt, 'record' | 'netns' | 'dns'>
  },
): Promise<void> {
  const steps: readonly (() => unknown)[] = [
    () => attempt.dns?.close(),
    () => machine.net.unpublish(name),
    () => void disconnect(machine, name, attempt),
    () => removeCgroup(machine, attempt.record.cgroup),
  ]
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length > 0) {
    // Its record stays: by that the next removal finds what is left.
    throw new AggregateError(failures, `Cannot remove everything of "${name}": ${texts(failures)}`)
  }
  rmSync(own.run, { recursive: true, force: true })
}

/**
 * Who needs it waits: the next attempt for its cable, the end of a command for all. The namespace
 * goes last, as the end of one takes the kernel's lock of all links.
 */
async function disconnect(
  machine: Machine,
  name: string,
  { record, netns }: Pick<LiveAttempt, 'record' | 'netns'>,
): Promise<void> {
  try {
    const networks = record.interfaces.map(({ network }) => network)
    await Promise.all(networks.map((network) => machine.net.detach({ container: name, network })))
  } catch (error) {
    // The network's removal finds it again by its alias.
    const reason = errorText(error)
    const message = `Cannot remove a network interface of "${name}": ${reason}`
    const stack = machine.containers.get(name)?.record.stack ?? ''
    warn(machine, stack, message)
  } finally {
    if (netns !== undefined) close(netns)
  }
}

function texts(failures: readonly unknown[]): string {
  return failures.map((each) => errorText(each)).join('; ')
}

/** Nearly always empty by now, for its processes ended with their pid 1. */
async function removeCgroup(machine: Machine, path: string): Promise<void> {
  const cgroup = machine.cgroups.open(path)
  try {
    cgroup.remove({ keepParents: true })
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error
    await cgroup.killAll({ everywhere: true })
    cgroup.remove({ keepParents: true })
  }
}

type RecordChange = { readonly [K in keyof ContainerRecord]?: ContainerRecord[K] | undefined }

/** The same where going on matters more than keeping it: a full disk must not stop a clean-up. */
export function tryUpdate(machine: Machine, container: LiveContainer, change: RecordChange): void {
  try {
    update(machine, container, change)
  } catch (error) {
    warn(machine, container.record.stack, error)
  }
}

/** Merges `change` into the record, in memory and on disk. */
export function update(machine: Machine, container: LiveContainer, change: RecordChange): void {
  const keys = Object.keys(change) as (keyof RecordChange)[]
  if (keys.every((key) => container.record[key] === change[key])) return
  const merged = { ...container.record, ...change }
  // An absent field says "none", so undefined takes one away.
  const entries = Object.entries(merged).filter(([, value]) => value !== undefined)
  container.record = Object.fromEntries(entries) as unknown as ContainerRecord
  writeContainerChange(machine.paths, container.record)
}

/** The container is no more: nobody answers its names. */
export function forgetContainer(machine: Machine, container: LiveContainer): void {
  forgetNames(machine, container.record)
  machine.containers.delete(container.record.name)
}

type ContainerEventState = Extract<EngineEvent, { kind: 'container' }>['state']

export function announce(
  machine: Machine,
  record: ContainerRecord,
  state: ContainerEventState,
  exitCode?: number,
): void {
  const { stack, name, service } = record
  machine.emit({
    kind: 'container',
    time: machine.now(),
    stack,
    container: name,
    service,
    state,
    ...(exitCode === undefined ? {} : { exitCode }),
  })
}

/** What the group remembers of its memory, read before it goes; nothing when it is gone. */
export function memoryOf(
  machine: Machine,
  { cgroup }: AttemptRecord,
): { readonly oomKilled: boolean; readonly memoryBytesPeak?: number } {
  try {
    const { oomKills = 0, memoryBytesPeak } = machine.cgroups.open(cgroup).memory()
    const oomKilled = oomKills > 0
    return { oomKilled, ...(memoryBytesPeak === undefined ? {} : { memoryBytesPeak }) }
  } catch {
    // The group is gone, by hand or by an earlier clean-up: nothing is known.
    return { oomKilled: false }
  }
}

function lostExit(machine: Machine): ExitStatus {
  return { exitCode: KILLED, at: machine.now(), uptimeMs: machine.uptime() }
}

function startFailure(
  record: ContainerRecord,
  notes: (() => ProgramNotes) | undefined,
  failure: Failure | undefined,
): Error {
  if (failure && notes) return launchFailure(record.name, describeFailure(notes(), failure))
  return new EngineError('LAUNCH', `Cannot start "${record.name}": its monitor ended at once`, {
    hint: 'see whether the machine is out of memory or of processes',
  })
}
