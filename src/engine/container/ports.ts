/** Publishes the ports of an attempt through the network by which the host reaches it. */

import type { ObservedPort } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'

/** All of them or none; throws PORT_IN_USE with the owner's name. */
export async function publishPorts(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): Promise<readonly ObservedPort[]> {
  const [first] = interfaces
  const { ports } = record.spec
  if (ports.length === 0 || first?.ipv4 === undefined) return []
  return machine.net.publish({
    container: record.name,
    service: record.service,
    network: first.network,
    address: first.ipv4,
    ports,
  })
}
