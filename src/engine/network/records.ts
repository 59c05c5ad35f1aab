/** Networks as a container of a stack sees them: its own stack's, and those of others by name. */

import type { Machine } from '../machine.ts'
import type { ContainerRecord } from '../records/container.ts'
import { readNetworkRecords, type NetworkRecord } from '../records/network.ts'
import { stackNames } from '../records/stack.ts'
import { STANDALONE } from '../paths.ts'

export type NetworkRecords = ReadonlyMap<string, NetworkRecord>

/** The networks that `record` is attached to, and all others of its stack. */
export function networkRecords(machine: Machine, record: ContainerRecord): NetworkRecords {
  const own = readNetworkRecords(machine.paths, record.stack)
  const records = new Map(own.map((network) => [network.spec.name, network]))
  const { network } = record.spec
  for (const { network: name } of network.kind === 'networks' ? network.attachments : []) {
    const other = records.has(name) ? undefined : findNetwork(machine, name)
    if (other) records.set(name, other)
  }
  return records
}

/** The network `name` of whatever stack, or of none. */
export function findNetwork(
  machine: Machine,
  name: string,
): (NetworkRecord & { readonly stack: string }) | undefined {
  for (const stack of [STANDALONE, ...stackNames(machine.paths)]) {
    const found = readNetworkRecords(machine.paths, stack).find(({ spec }) => spec.name === name)
    if (found) return { ...found, stack }
  }
  return undefined
}
