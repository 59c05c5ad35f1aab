/** Records of a stack's networks and of the addresses leased to its containers. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkSpec } from '../../planner/index.ts'
import { leaseChangesFile, leasesFile, networksDirectory, stackDirectory } from '../paths.ts'
import type { Paths } from '../types.ts'
import { LEASE_CHANGES_BYTES_MAX } from '../../limits.ts'
import { addEntry, readEntries, readRecord, removeRecord, writeRecord } from './file.ts'
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

/**
 * What was read or written last: every container of a stack asks. Only this process writes there,
 * and an engine that starts has read nothing yet.
 */
const known = new WeakMap<Paths, Map<string, readonly NetworkRecord[]>>()

export function readNetworkRecords(paths: Paths, stack: string): readonly NetworkRecord[] {
  const stacks = known.get(paths) ?? new Map<string, readonly NetworkRecord[]>()
  known.set(paths, stacks)
  const records = stacks.get(stack) ?? readAll(paths, stack)
  // Not for every name that was ever asked for.
  if (records.length > 0) stacks.set(stack, records)
  return records
}

/** For whoever removes the files of a stack as a whole. */
export function forgetNetworkRecords(paths: Paths, stack: string): void {
  known.get(paths)?.delete(stack)
}

function readAll(paths: Paths, stack: string): readonly NetworkRecord[] {
  return filesIn(networksDirectory(paths, stack))
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRecord(join(networksDirectory(paths, stack), name), isNetworkRecord))
    .filter((record) => record !== undefined)
}

export function writeNetworkRecord(paths: Paths, stack: string, record: NetworkRecord): void {
  forgetNetworkRecords(paths, stack)
  mkdirSync(networksDirectory(paths, stack), { recursive: true, mode: 0o700 })
  writeRecord(networkFile(paths, stack, record.spec.name), record)
}

export function removeNetworkRecord(paths: Paths, stack: string, name: string): void {
  forgetNetworkRecords(paths, stack)
  removeRecord(networkFile(paths, stack, name))
}

/** One lease that was given or taken back since the record was written. */
interface LeaseChange {
  readonly key: string
  readonly container: string
  /** Absent: taken back. */
  readonly address?: string
}

/** The record, and what was added to it since; changes that it has already change nothing. */
export function readLeases(paths: Paths, stack: string): Leases {
  const leases: Record<string, Record<string, string>> = {}
  const known = readRecord(leasesFile(paths, stack), isLeases)?.leases ?? {}
  for (const [key, addresses] of Object.entries(known)) leases[key] = { ...addresses }
  for (const entry of readEntries(leaseChangesFile(paths, stack))) {
    const { key, container, address } = entry as Partial<LeaseChange>
    if (typeof key !== 'string' || typeof container !== 'string') continue
    const addresses = (leases[key] ??= {})
    if (typeof address === 'string') addresses[container] = address
    else delete addresses[container]
  }
  return leases
}

/**
 * Adds one change: the cost of a lease does not grow with their number. `address` undefined: it is
 * taken back.
 */
export function addLease(
  paths: Paths,
  { stack, key, container }: Omit<LeaseChange, 'address'> & { readonly stack: string },
  address: string | undefined,
): void {
  mkdirSync(stackDirectory(paths, stack), { recursive: true, mode: 0o700 })
  const change: LeaseChange = { key, container, ...(address === undefined ? {} : { address }) }
  const file = leaseChangesFile(paths, stack)
  if (addEntry(file, change) > LEASE_CHANGES_BYTES_MAX) {
    writeLeases(paths, stack, readLeases(paths, stack))
  }
}

/** The whole: the changes are in it, and a crash before they are gone reads them once more. */
export function writeLeases(paths: Paths, stack: string, leases: Leases): void {
  mkdirSync(stackDirectory(paths, stack), { recursive: true, mode: 0o700 })
  writeRecord(leasesFile(paths, stack), { leases })
  removeRecord(leaseChangesFile(paths, stack))
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
