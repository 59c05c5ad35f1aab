/** Publishes the ports of an attempt through the network by which the host reaches it. */

import type { ObservedPort } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import { defaultNetwork } from './network.ts'

/**
 * All of them or none; throws PORT_IN_USE with the owner's name. Answers leave by the default
 * route, so that is where packets have to come in; without one, by the first interface.
 */
export async function publishPorts(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): Promise<readonly ObservedPort[]> {
  const { ports } = record.spec
  if (ports.length === 0) return []
  const outward = defaultNetwork(machine, record)
  const entry = interfaces.find(({ network }) => network === outward) ?? interfaces[0]
  if (entry === undefined) return []
  return machine.net.publish({
    container: record.name,
    service: record.service,
    stack: record.stack,
    network: entry.network,
    address: entry.ipv4,
    address6: entry.ipv6,
    ports,
  })
}
