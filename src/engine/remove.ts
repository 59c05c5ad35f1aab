/** Stops a container for good, and removes all of it. */

import { unpinImage } from './image-pins.ts'
import { announce, cleanUpAttempt, forgetContainer } from './attempts.ts'
import { cancelRestart } from './cancel-restart.ts'
import { stopContainer } from './container/stop.ts'
import { groupOf, sweepParents } from './group-parents.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { attachmentsOf } from './network/attach.ts'
import { eraseContainer, hideContainer, readAttemptRecord } from './records/container.ts'
import { removeAnonymousVolumes } from './volume/volumes.ts'

/** Resolves when nothing of it runs, or is about to. */
export async function stopByUser(
  machine: Machine,
  container: LiveContainer,
  graceMs: number,
): Promise<void> {
  // A restart that is under way comes first: what it makes is what there is to stop.
  await container.starting
  await cancelRestart(container)
  await stopContainer(machine, container, graceMs)
}

/** Its processes, its group, its record, its layers, its log. */
export async function removeContainer(
  machine: Machine,
  container: LiveContainer,
  options: {
    readonly anonymousVolumes: boolean
    /** The stack's own group stays: another container may follow at once. See apply.ts. */
    readonly keepStackGroup?: boolean
  },
): Promise<void> {
  await stopByUser(machine, container, 0)
  const leftover = readAttemptRecord(container.own)
  if (leftover) {
    await cleanUpAttempt(machine, container, { record: leftover, netns: undefined, dns: undefined })
  }
  await machine.forwarders?.finish(container)
  // One that goes by itself when it ends (`run --rm`) may have gone meanwhile.
  if (machine.containers.get(container.record.name) !== container) return
  if (options.anonymousVolumes) removeAnonymousVolumes(machine, container.record)
  if (container.record.oneOff !== undefined) freeAddresses(machine, container)
  // The last container of a stack takes the stack's own group along.
  const isOwnPlace = container.record.spec.cgroupParent === undefined
  machine.cgroups
    .open(groupOf(machine, container.record))
    .remove({ keepParents: isOwnPlace && options.keepStackGroup === true })
  if (!isOwnPlace) sweepParents(machine)
  const { stack, name } = container.record
  hideContainer(machine.paths, stack, name)
  // Whatever fails after this, nobody may find a container that has no record.
  forgetContainer(machine, container)
  announce(machine, container.record, 'removed')
  unpinImage(machine.paths, container.record)
  eraseContainer(machine.paths, stack, name)
}

/** A replica finds its address again; of one-offs there may be thousands, none of which returns. */
function freeAddresses(machine: Machine, { record }: LiveContainer): void {
  const { stack, name } = record
  for (const { network } of attachmentsOf(record)) {
    machine.leases.remove({ stack, network, container: name })
  }
}
