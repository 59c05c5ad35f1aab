/** Publishes the ports of an attempt through the network by which the host reaches it. */

import type { ObservedPort } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { defaultRoutes } from '../network/attach.ts'
import { bindPorts } from '../network/bind.ts'
import { isReady } from './network.ts'
import { networkRecords } from '../network/records.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'

/**
 * All of them or none; throws PORT_IN_USE with the owner's name. Answers leave by the default
 * route, so that is where packets have to come in; without one, by the first interface.
 */
export async function publishPorts(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): Promise<readonly ObservedPort[]> {
  if (record.spec.ports.length === 0) return []
  const { v4, v6 } = defaultRoutes(machine, record)
  const outward = v4 ?? v6
  const networks = [...networkRecords(machine, record).values()].map(({ spec }) => spec)
  const entry = interfaces.find(({ network }) => network === outward) ?? interfaces[0]
  if (entry === undefined) return []
  machine.net.setServing(record.name, isReady(machine, record))
  return machine.net.publish({
    container: record.name,
    service: record.service,
    stack: record.stack,
    network: entry.network,
    address: entry.ipv4,
    address6: entry.ipv6,
    ports: bindPorts(record.spec, networks),
  })
}
