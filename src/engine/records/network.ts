/** Records of a stack's networks and of the addresses leased to its containers. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkSpec } from '../../planner/index.ts'
import { leasesFile, networksDirectory, stackDirectory } from '../paths.ts'
import type { Paths } from '../types.ts'
import { readRecord, removeRecord, writeRecord } from './file.ts'
import { filesIn } from './present.ts'

export interface NetworkRecord {
  readonly spec: NetworkSpec
  readonly bridge: string
  /** Chosen when the network was made; the same again after a reboot. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
}

/**
 * Network name to container name to IPv4 address, and the same with ` v6` behind the network's
 * name:
 * a recreated container gets its address again.
 */
export type Leases = Readonly<Record<string, Readonly<Record<string, string>>>>

export function readNetworkRecords(paths: Paths, stack: string): readonly NetworkRecord[] {
  return filesIn(networksDirectory(paths, stack))
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRecord(join(networksDirectory(paths, stack), name), isNetworkRecord))
    .filter((record) => record !== undefined)
}

export function writeNetworkRecord(paths: Paths, stack: string, record: NetworkRecord): void {
  mkdirSync(networksDirectory(paths, stack), { recursive: true, mode: 0o700 })
  writeRecord(networkFile(paths, stack, record.spec.name), record)
}

export function removeNetworkRecord(paths: Paths, stack: string, name: string): void {
  removeRecord(networkFile(paths, stack, name))
}

export function readLeases(paths: Paths, stack: string): Leases {
  return readRecord(leasesFile(paths, stack), isLeases)?.leases ?? {}
}

export function writeLeases(paths: Paths, stack: string, leases: Leases): void {
  mkdirSync(stackDirectory(paths, stack), { recursive: true, mode: 0o700 })
  writeRecord(leasesFile(paths, stack), { leases })
}

const networkFile = (paths: Paths, stack: string, name: string): string =>
  join(networksDirectory(paths, stack), `${name}.json`)

function isNetworkRecord(value: object): value is NetworkRecord {
  const record = value as Partial<NetworkRecord>
  return typeof record.spec === 'object' && typeof record.bridge === 'string'
}

function isLeases(value: object): value is { readonly leases: Leases } {
  return typeof (value as { leases?: unknown }).leases === 'object'
}
