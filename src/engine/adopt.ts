/** Takes over what an earlier supervisor left: living attempts are followed again, dead ones cleaned up. */

import { existsSync, openSync } from 'node:fs'
import { type Fd, startTime } from '../linux/index.ts'
import type { DnsServer } from '../net/index.ts'
import { announce, cleanUpAttempt, setRunning, update, watchAttempt } from './attempts.ts'
import { publishNames, serveNames } from './container/network.ts'
import { addContainer, type LiveContainer, type Machine } from './machine.ts'
import { readAttemptStatus } from './records/attempt.ts'
import {
  type AttemptRecord,
  type ProcessIdentity,
  readAttemptRecord,
  readContainerRecords,
  sweepRemoved,
} from './records/container.ts'
import { stackNames } from './records/stack.ts'
import { afterEnd, followAttempt } from './supervise.ts'

/** Every container with a record is in `machine.containers` afterwards. */
export async function adoptAll(machine: Machine): Promise<void> {
  for (const stack of stackNames(machine.paths)) {
    sweepRemoved(machine.paths, stack)
    for (const record of readContainerRecords(machine.paths, stack)) {
      await adopt(machine, addContainer(machine, record))
    }
  }
}

async function adopt(machine: Machine, container: LiveContainer): Promise<void> {
  publishNames(machine, container.record, [])
  const record = readAttemptRecord(container.own)
  if (!record) return
  if (isAlive(machine, record, container)) {
    await follow(machine, container, record)
    return followAttempt(machine, container)
  }
  keepResult(machine, container, record)
  await cleanUpAttempt(machine, container, { record, netns: undefined, dns: undefined })
  afterEnd(machine, container)
}

/** Alive: this boot's monitor, by pid and start time, with a program that has started. */
function isAlive(machine: Machine, record: AttemptRecord, { own }: LiveContainer): boolean {
  if (record.bootId !== machine.bootId || !existsSync(own.fifo)) return false
  const status = readAttemptStatus(own.status)
  if (status === undefined || status.ended) return false
  return isSame(record.monitor)
}

function isSame(process: ProcessIdentity | undefined): boolean {
  return process !== undefined && startTime(process.pid) === process.startTime
}

async function follow(
  machine: Machine,
  container: LiveContainer,
  record: AttemptRecord,
): Promise<void> {
  const pid = readAttemptStatus(container.own.status)?.pid ?? 0
  const netns = openNetns(container, pid)
  const { attempt } = watchAttempt(machine, container, { record, netns, dns: undefined })
  setRunning(container, attempt, pid)
  publishNames(machine, container.record, record.interfaces)
  if (netns !== undefined && record.interfaces.length > 0) {
    attempt.dns = await resolverOf(machine, container, netns)
  }
}

function openNetns({ record }: LiveContainer, pid: number): Fd | undefined {
  return record.spec.network.kind === 'host' ? undefined : openSync(`/proc/${pid}/ns/net`, 'r')
}

async function resolverOf(
  machine: Machine,
  container: LiveContainer,
  netns: Fd,
): Promise<DnsServer | undefined> {
  try {
    return await serveNames(machine, container.record, netns)
  } catch (error) {
    const { stack, name } = container.record
    const why = error instanceof Error ? error.message : String(error)
    const message = `Cannot answer names in "${name}": ${why}`
    machine.emit({ kind: 'warning', time: machine.now(), stack, message })
    return undefined
  }
}

/** An exit that happened while no supervisor lived is kept with its true status. */
function keepResult(machine: Machine, container: LiveContainer, record: AttemptRecord): void {
  const status = readAttemptStatus(container.own.status)
  if (!status) return
  const exit = status.ended ?? { exitCode: 137, at: machine.now() }
  update(machine, container, {
    last: {
      attempt: record.attempt,
      startedAt: status.startedAt,
      finishedAt: exit.at,
      exitCode: exit.exitCode,
      oomKilled: false,
    },
  })
  announce(machine, container.record, 'exited', exit.exitCode)
}
