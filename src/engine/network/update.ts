/** Changes networks and published ports of a container while it runs. */

import { isDeepStrictEqual } from 'node:util'
import type { ContainerSpec } from '../../planner/index.ts'
import { updateHosts } from '../container/hosts.ts'
import { namesView, publishNames, serveNames } from '../container/network.ts'
import { publishPorts } from '../container/ports.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import {
  writeAttemptRecord,
  type AttemptInterface,
  type ContainerRecord,
} from '../records/container.ts'
import { attachAll, attachmentsOf, defaultRoutes } from './attach.ts'

/**
 * Gives a running container the networks and ports of `spec`. Its record comes after: after a crash
 * the plan says again what is to be done, and what is done already is left as it is.
 */
export async function changeConnection(
  machine: Machine,
  container: LiveContainer,
  spec: ContainerSpec,
): Promise<void> {
  const before = container.record
  if (isSameConnection(before.spec, spec)) return
  const after: ContainerRecord = { ...before, spec }
  const { attempt } = container
  if (attempt && attempt.netns !== undefined && !attempt.exit) {
    await reconnect(machine, { container, attempt, netns: attempt.netns, before, after })
  }
  for (const { network } of goneFrom(before, after)) {
    machine.net.names.delete({ network, container: before.name })
    machine.leases.remove({ stack: before.stack, network, container: before.name })
  }
}

function isSameConnection(before: ContainerSpec, after: ContainerSpec): boolean {
  return (
    isDeepStrictEqual(before.network, after.network) && isDeepStrictEqual(before.ports, after.ports)
  )
}

interface Reconnected {
  readonly container: LiveContainer
  readonly attempt: LiveAttempt
  readonly netns: number
  readonly before: ContainerRecord
  readonly after: ContainerRecord
}

async function reconnect(machine: Machine, change: Reconnected): Promise<void> {
  const { container, attempt, netns, after } = change
  const kept = attempt.record.interfaces.filter((one) => isKept(one, change))
  for (const { network, interfaceName } of attempt.record.interfaces) {
    if (kept.some((one) => one.network === network)) continue
    await machine.net.detach({ container: after.name, network, netnsFd: netns, interfaceName })
  }
  const interfaces = await attachAll(machine, after, { netns, present: kept })
  routeOut(machine, { netns, after, interfaces })
  const ports = await publishPorts(machine, after, interfaces)
  if (ports.length === 0) await machine.net.unpublish(after.name)
  attempt.record = { ...attempt.record, interfaces, ports }
  writeAttemptRecord(container.own, attempt.record)
  if (!isDeepStrictEqual(change.before.spec.network, after.spec.network)) {
    updateHosts(machine, after, interfaces)
  }
  if (attempt.dns) attempt.dns.update(namesView(machine, after))
  else if (interfaces.length > 0) attempt.dns = await serveNames(machine, after, { netns })
  publishNames(machine, after, interfaces)
}

/** True for an interface whose network is attached before and after in the same way. */
function isKept({ network }: AttemptInterface, { before, after }: Reconnected): boolean {
  const wasAttached = attachmentsOf(before).find((one) => one.network === network)
  const isAttached = attachmentsOf(after).find((one) => one.network === network)
  return (
    wasAttached !== undefined &&
    isAttached !== undefined &&
    isDeepStrictEqual(withoutNames(wasAttached), withoutNames(isAttached))
  )
}

/** What the interface itself is made of: names and order are no part of it. */
function withoutNames(attachment: ReturnType<typeof attachmentsOf>[number]): object {
  return { ...attachment, aliases: [], priority: 0, gatewayPriority: 0 }
}

/** The way out may lead through another network now. */
function routeOut(
  machine: Machine,
  place: {
    readonly netns: number
    readonly after: ContainerRecord
    readonly interfaces: readonly AttemptInterface[]
  },
): void {
  const { netns, after, interfaces } = place
  const { v4, v6 } = defaultRoutes(machine, after)
  const through = (network: string | undefined) => {
    const found = interfaces.find((one) => one.network === network)
    return found && { network: found.network, interfaceName: found.interfaceName ?? 'eth0' }
  }
  machine.net.setDefaultRoutes({ netnsFd: netns, v4: through(v4), v6: through(v6) })
}

function goneFrom(before: ContainerRecord, after: ContainerRecord) {
  const wanted = new Set(attachmentsOf(after).map(({ network }) => network))
  return attachmentsOf(before).filter(({ network }) => !wanted.has(network))
}
