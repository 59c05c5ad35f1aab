/**
 * Records that were lost, made again from what is still known: what the stack was last told to be,
 * and what the kernel has.
 */

import { readFileSync } from 'node:fs'
import { isGone, startTime } from '../linux/index.ts'
import { FIRST_RUN, placesOf, SPEC_VERSION } from '../planner/index.ts'
import { attachmentsOf } from './network/attach.ts'
import { groupOf } from './group-parents.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { containerPaths } from './paths.ts'
import { readAttemptStatus } from './records/attempt.ts'
import {
  type AttemptRecord,
  beginAttemptRecord,
  containerNames,
  type ContainerRecord,
  createContainerRecord,
  readAttemptRecord,
  readContainerChanges,
} from './records/container.ts'
import { readStackRecord } from './records/stack.ts'

/** Containers of `stack` whose record cannot be read, but that the stack is to have. */
export function rebuildContainers(machine: Machine, stack: string): readonly ContainerRecord[] {
  const lost = containerNames(machine.paths, stack).filter((name) => !machine.containers.has(name))
  if (lost.length === 0) return []
  const desired = readStackRecord(machine.paths, stack)?.desired
  const wanted = desired ? placesOf(desired) : []
  return wanted
    .filter(({ name }) => lost.includes(name))
    .map(({ name, service, index, spec, dependsOn }) => {
      const own = containerPaths(machine.paths, stack, name)
      const record = {
        stack,
        name,
        service,
        index,
        spec,
        specVersion: SPEC_VERSION,
        dependsOn,
        createdAt: machine.now(),
        attempts: readAttemptRecord(own)?.attempt ?? 0,
        stoppedByUser: false,
        restarts: FIRST_RUN,
        ...readContainerChanges(own),
      }
      // With its directories: the crash may have come between them.
      createContainerRecord(machine.paths, record)
      return record
    })
}

/** The attempt of a container that runs, by its monitor; undefined when there is none. */
export function rebuildAttempt(
  machine: Machine,
  { own, record }: LiveContainer,
): AttemptRecord | undefined {
  const status = readAttemptStatus(own.status)
  if (status === undefined || status.ended) return undefined
  const monitor = monitorOf(status.pid, record.name)
  if (monitor === undefined) return undefined
  const attempt = {
    attempt: record.attempts,
    bootId: machine.bootId,
    begunAt: status.startedAt,
    cgroup: groupOf(machine, record),
    interfaces: attachmentsOf(record).map(({ network }) => {
      const lease = { stack: record.stack, key: network, container: record.name }
      const ipv4 = machine.leases.addressOf(lease)
      return { network, hostInterface: '', ...(ipv4 === undefined ? {} : { ipv4 }) }
    }),
    ports: [],
    monitor,
  }
  beginAttemptRecord(own, attempt)
  return attempt
}

/** The parent of pid 1, when it is the monitor of that container and no later user of a pid. */
function monitorOf(pid: number, name: string): AttemptRecord['monitor'] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1])
    const title = readFileSync(`/proc/${parent}/cmdline`, 'utf8').replaceAll('\0', '')
    const since = startTime(parent)
    if (title !== `tsstack: monitor ${name}` || since === undefined) return undefined
    return { pid: parent, startTime: since }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}
