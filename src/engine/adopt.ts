/**
 * Takes over what an earlier supervisor left: living attempts are followed again, dead ones cleaned
 * up.
 */

import { existsSync } from 'node:fs'
import { type Fd, getRlimit } from '../linux/index.ts'
import type { DnsServer } from '../net/index.ts'
import { EngineError, errorText, isOutOfFiles } from '../errors.ts'
import {
  announce,
  cleanUpAttempt,
  removeAttempt,
  setRunning,
  tryUpdate,
  watchAttempt,
  memoryOf,
} from './attempts.ts'
import { alone } from './changing.ts'
import { removeBuildSteps } from './build-step.ts'
import { publishNames, serveNames } from './container/network.ts'
import { publishPorts } from './container/ports.ts'
import { attachmentsOf } from './network/attach.ts'
import { groupOf } from './group-parents.ts'
import { addContainer, type LiveContainer, type Machine } from './machine.ts'
import { endOneOff } from './one-off.ts'
import { containerPaths, runDirectories } from './paths.ts'
import { readAttemptStatus } from './records/attempt.ts'
import {
  type AttemptRecord,
  readAttemptRecord,
  readContainerRecords,
  sweepRemoved,
  withEnd,
} from './records/container.ts'
import { directoriesIn } from './records/present.ts'
import { readStackRecord, stackNames } from './records/stack.ts'
import { rebuildAttempt, rebuildContainers } from './rebuild.ts'
import { recoverValues } from './recover-values.ts'
import { measured } from './restart.ts'
import { afterEnd, followAttempt } from './supervise.ts'
import { warn } from './warn.ts'

/** Every container with a record is in `machine.containers` afterwards. */
export async function adoptAll(machine: Machine): Promise<void> {
  const stacks = stackNames(machine.paths)
  // A stack of a newer tsstack is refused before anything of any stack is touched.
  for (const stack of stacks) readStackRecord(machine.paths, stack)
  for (const stack of stacks) {
    sweepRemoved(machine.paths, stack)
    for (const record of readContainerRecords(machine.paths, stack)) {
      await adoptOrWarn(machine, addContainer(machine, record))
    }
    for (const record of rebuildContainers(machine, stack)) {
      await adopt(machine, addContainer(machine, record))
    }
  }
  await removeBuildSteps(machine)
  await endStrangers(machine)
  // Somebody may have changed the firewall, or removed bridges, while nobody lived.
  machine.net.repair()
}

/** Attempts of containers that have no readable record: nobody could say what they are to be. */
async function endStrangers(machine: Machine): Promise<void> {
  for (const name of directoriesIn(runDirectories(machine.paths))) {
    if (machine.containers.has(name)) continue
    const own = containerPaths(machine.paths, '', name)
    const record = readAttemptRecord(own)
    if (!record) continue
    await removeAttempt(machine, { name, own, attempt: nobodys(record) }).catch(
      (error: unknown) => {
        warn(machine, '', error)
      },
    )
  }
}

const nobodys = (record: AttemptRecord) => ({ record, netns: undefined, dns: undefined })

/** What cannot be removed of one container must not leave all others without a supervisor. */
async function adoptOrWarn(machine: Machine, container: LiveContainer): Promise<void> {
  try {
    await adopt(machine, container)
  } catch (error) {
    // A record of a newer tsstack: see records/file.ts.
    if (error instanceof EngineError) throw error
    // Every other one would be the same, and what runs would be taken for ended: see supervise.ts.
    if (isOutOfFiles(error)) throw tooFewFiles(error)
    warnOf(machine, container, 'Cannot take over', error)
  }
}

function tooFewFiles(cause: unknown): EngineError {
  const { soft } = getRlimit('nofile')
  return new EngineError(
    'SUPERVISOR',
    `Cannot take over containers: a supervisor may have ${soft} files open, and needs about ` +
      'eight for each; all of them run on',
    { hint: 'give it more: "ulimit -n 65536", LimitNOFILE= of its unit', cause },
  )
}

async function adopt(machine: Machine, container: LiveContainer): Promise<void> {
  publishNames(machine, container.record, [])
  const record = readAttemptRecord(container.own) ?? rebuildAttempt(machine, container)
  if (!record) {
    if (existsSync(container.own.run) || isInUse(machine, container)) {
      await endUnrecorded(machine, container)
    }
    if (isOfThisBoot(machine, container)) afterEnd(machine, container)
    return
  }
  if (isAlive(machine, record, container)) {
    await follow(machine, container, record)
    recoverValues(machine, container)
    // Its caller was joined to the supervisor that is gone, and its program has lost its streams.
    if (container.record.oneOff?.attached === true) return endOneOff(machine, container, 137)
    return followAttempt(machine, container)
  }
  keepResult(machine, container, record)
  await cleanUpAttempt(machine, container, nobodys(record))
  afterEnd(machine, container)
}

/**
 * Somebody has removed the record of an attempt: the kernel still has it by its group. An empty one
 * is removed at once.
 */
function isInUse(machine: Machine, { record }: LiveContainer): boolean {
  try {
    machine.cgroups.open(groupOf(machine, record)).remove({ keepParents: true })
    return false
  } catch (error) {
    if (isOutOfFiles(error)) throw error
    return true
  }
}

/** After a reboot a stack is brought up in its order, networks first: by `up`, or by `daemon`. */
function isOfThisBoot(machine: Machine, { record }: LiveContainer): boolean {
  if (record.bootId !== undefined && record.bootId !== machine.bootId) return false
  const present = new Set(machine.net.listNetworks().map(({ name }) => name))
  return attachmentsOf(record).every(({ network }) => present.has(network))
}

/** Its record was broken: everything that an attempt of this container could have made goes. */
function endUnrecorded(machine: Machine, container: LiveContainer): Promise<void> {
  const { attempts } = container.record
  return cleanUpAttempt(
    machine,
    container,
    nobodys({
      attempt: attempts,
      bootId: machine.bootId,
      begunAt: 0,
      cgroup: groupOf(machine, container.record),
      interfaces: attachmentsOf(container.record).map(({ network }) => ({
        network,
        hostInterface: '',
      })),
      ports: [],
    }),
  )
}

/** Alive: this boot's monitor, by pid and start time, with a program that has started. */
function isAlive(machine: Machine, record: AttemptRecord, { own }: LiveContainer): boolean {
  if (record.bootId !== machine.bootId || !existsSync(own.fifo)) return false
  const status = readAttemptStatus(own.status)
  if (status === undefined || status.ended) return false
  return record.monitor !== undefined && machine.processes.isAlive(record.monitor)
}

async function follow(
  machine: Machine,
  container: LiveContainer,
  record: AttemptRecord,
): Promise<void> {
  const pid = readAttemptStatus(container.own.status)?.pid ?? 0
  container.users = record.users
  const isHost = container.record.spec.network.kind === 'host'
  const netns = isHost ? undefined : machine.processes.networkOf(pid)
  const { attempt } = watchAttempt(machine, container, { record, netns, dns: undefined })
  setRunning(machine, container, { attempt, pid })
  if (machine.cgroups.open(record.cgroup).isFrozen()) attempt.paused = Promise.withResolvers()
  publishNames(machine, container.record, record.interfaces)
  // Its end, should it come now, closes what is opened here.
  await alone(container, async () => {
    await holdPorts(machine, container, record)
    if (netns !== undefined && record.interfaces.length > 0) {
      attempt.dns = await resolverOf(machine, container, netns)
    }
  })
}

/**
 * The kernel has led packets on all the time; the sockets that keep others away are opened again.
 */
async function holdPorts(
  machine: Machine,
  container: LiveContainer,
  record: AttemptRecord,
): Promise<void> {
  if (record.ports.length === 0) return
  try {
    await publishPorts(machine, container.record, record.interfaces)
  } catch (error) {
    warnOf(machine, container, 'Cannot hold the ports of', error)
  }
}

async function resolverOf(
  machine: Machine,
  container: LiveContainer,
  netns: Fd,
): Promise<DnsServer | undefined> {
  try {
    return await serveNames(machine, container.record, { netns })
  } catch (error) {
    warnOf(machine, container, 'Cannot answer names in', error)
    return undefined
  }
}

function warnOf(machine: Machine, container: LiveContainer, what: string, error: unknown): void {
  const { stack, name } = container.record
  warn(machine, stack, `${what} "${name}": ${errorText(error)}`)
}

/** An exit that happened while no supervisor lived is kept with its true status. */
function keepResult(machine: Machine, container: LiveContainer, record: AttemptRecord): void {
  const status = readAttemptStatus(container.own.status)
  if (!status) return
  const lost = { exitCode: 137, at: machine.now(), uptimeMs: machine.uptime() }
  const exit = status.ended ?? lost
  const last = {
    attempt: record.attempt,
    startedAt: status.startedAt,
    finishedAt: exit.at,
    exitCode: exit.exitCode,
    oomKilled: memoryOf(machine, record).oomKilled,
    ...(record.bootId === machine.bootId ? measured(record, exit) : {}),
  }
  tryUpdate(machine, container, withEnd(container.record, last))
  announce(machine, container.record, 'exited', exit.exitCode)
}
