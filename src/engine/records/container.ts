/** What the engine remembers of a container: its spec and how its attempts went. */

import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { IdRange } from '../../linux/index.ts'
import type {
  AttemptEnd,
  ContainerSpec,
  Dependency,
  HealthState,
  ObservedPort,
  OneOff,
  RestartMemory,
} from '../../planner/index.ts'
import { ATTEMPTS_REMEMBERED_MAX } from '../../limits.ts'
import { containerPaths, containersDirectory, type ContainerPaths } from '../paths.ts'
import type { Paths } from '../types.ts'
import { appendEntry, readLastEntry, readRecord, writeRecord } from './file.ts'
import { directoriesIn } from './present.ts'

/** Kept in the state directory: survives a reboot, together with the writable layer and the log. */
export interface ContainerRecord {
  readonly stack: string
  readonly name: string
  readonly service: string
  readonly index: number
  readonly spec: ContainerSpec
  /** Of the tsstack that wrote `spec`; absent: 1. See planner/spec-version.ts. */
  readonly specVersion?: number
  readonly dependsOn: readonly Dependency[]
  /** Present for a container of `run`. */
  readonly oneOff?: OneOff
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number
  /** Attempts begun so far; the number of the newest. */
  readonly attempts: number
  /** Boot of the newest attempt: of another boot nothing is alive. Absent in older records. */
  readonly bootId?: string
  /** How the newest attempt that ended did. */
  readonly last?: LastEnd
  /** How the last attempts did, the newest last. Absent in records of older versions. */
  readonly history?: readonly AttemptEnd[]
  /** Why the newest attempt could not be started, in the user's words. */
  readonly failure?: string
  /** Ended by `stop` or `down`, so that no restart policy applies. */
  readonly stoppedByUser: boolean
  /** It is ended because its check failed, to be started again; absent: it is not. */
  readonly ill?: 'never healthy' | 'was healthy' | undefined
  /** For the back-off and for `on-failure:N`; see planner/restart.ts. */
  readonly restarts: RestartMemory
}

/** Its times on the clock that nobody sets; absent in records of older versions. */
export interface LastEnd extends AttemptEnd {
  readonly ranMs?: number
  /** Milliseconds since boot. */
  readonly endedUptimeMs?: number
}

/** What to keep of an attempt that has ended, beside those before it. */
export function withEnd(
  { history = [] }: ContainerRecord,
  last: LastEnd,
): Required<Pick<ContainerRecord, 'last' | 'history'>> {
  const before = history.filter(({ attempt }) => attempt !== last.attempt)
  const { ranMs: _, endedUptimeMs: __, ...end } = last
  return { last, history: [...before, end].slice(-ATTEMPTS_REMEMBERED_MAX) }
}

/**
 * Kept in the run directory while an attempt has processes: what a next supervisor adopts or
 * cleans.
 */
export interface AttemptRecord {
  readonly attempt: number
  /** Of another boot: nothing of it can be alive. */
  readonly bootId: string
  readonly begunAt: number
  /** Path below each cgroup hierarchy. */
  readonly cgroup: string
  readonly interfaces: readonly AttemptInterface[]
  readonly ports: readonly ObservedPort[]
  /** Absent until spawned. A pid counts only together with its start time. */
  readonly monitor?: ProcessIdentity
  /** Ids of the host that its users are. Absent: the same. */
  readonly users?: IdRange
  /** Where mounts are whose targets lead through links of the image, by those targets. */
  readonly places?: Readonly<Record<string, string>>
  /** As it was when it last changed, for the next supervisor; absent: starting. */
  readonly health?: HealthState
}

export interface AttemptInterface {
  readonly network: string
  /** Name of the veth end on the host; '' where there is none. */
  readonly hostInterface: string
  /** Name inside the container. Absent in records of older versions. */
  readonly interfaceName?: string
  readonly ipv4?: string
  readonly ipv6?: string
}

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTime: number
}

/** What changes while the container lives, kept in a journal beside the record. */
const CHANGING = [
  'dependsOn',
  'attempts',
  'bootId',
  'last',
  'history',
  'failure',
  'stoppedByUser',
  'ill',
  'restarts',
] as const

/**
 * Makes the directories of a container and writes its record, before anything else of it exists.
 */
export function createContainerRecord(paths: Paths, record: ContainerRecord): ContainerPaths {
  const own = containerPaths(paths, record.stack, record.name)
  for (const directory of [own.directory, own.upper, own.work, own.log]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }
  writeRecord(own.record, record)
  return own
}

/** Keeps a spec that a container was given anew. */
export function writeContainerSpec(paths: Paths, record: ContainerRecord): void {
  writeRecord(containerPaths(paths, record.stack, record.name).record, record)
}

/** Keeps what has changed of a container since it was created. */
export function writeContainerChange(paths: Paths, record: ContainerRecord): void {
  const changed = Object.fromEntries(CHANGING.map((key) => [key, record[key]]))
  appendEntry(containerPaths(paths, record.stack, record.name).journal, changed)
}

/** Every container of `stack` that has a readable record, in the order of their names. */
export function readContainerRecords(paths: Paths, stack: string): readonly ContainerRecord[] {
  return containerNames(paths, stack)
    .map((name) => readContainerRecord(containerPaths(paths, stack, name)))
    .filter((record) => record !== undefined)
}

/** Begins names of directories that are being removed; no container's name begins so. */
const REMOVED = '.removed-'

/**
 * Puts record, layers and log out of sight: from then on there is no such container, and what
 * {@link eraseContainer} does not remove is swept later.
 */
export function hideContainer(paths: Paths, stack: string, name: string): void {
  const { directory } = containerPaths(paths, stack, name)
  const doomed = doomedDirectory(paths, stack, name)
  rmSync(doomed, { recursive: true, force: true })
  try {
    renameSync(directory, doomed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
}

/** Removes what was put out of sight. */
export function eraseContainer(paths: Paths, stack: string, name: string): void {
  rmSync(doomedDirectory(paths, stack, name), { recursive: true, force: true })
}

function doomedDirectory(paths: Paths, stack: string, name: string): string {
  return join(containersDirectory(paths, stack), `${REMOVED}${name}`)
}

/** Finishes removals that a crash cut short. */
export function sweepRemoved(paths: Paths, stack: string): void {
  const directory = containersDirectory(paths, stack)
  for (const name of directoriesIn(directory)) {
    if (name.startsWith(REMOVED)) rmSync(join(directory, name), { recursive: true, force: true })
  }
}

/** Names of containers of `stack` that have a directory, readable record or not. */
export function containerNames(paths: Paths, stack: string): readonly string[] {
  return directoriesIn(containersDirectory(paths, stack)).filter(
    (name) => !name.startsWith(REMOVED),
  )
}

/** What the journal of a container says, when its record is lost. */
export function readContainerChanges(own: ContainerPaths): Partial<ContainerRecord> {
  const changed = Object.entries(readLastEntry(own.journal) ?? {})
  return Object.fromEntries(changed.filter(([key]) => CHANGING.some((one) => one === key)))
}

function readContainerRecord(own: ContainerPaths): ContainerRecord | undefined {
  const record = readRecord(own.record, isContainerRecord)
  const changed = readLastEntry(own.journal)
  if (!record || !changed) return record
  const created = Object.entries(record).filter(([key]) => !CHANGING.some((one) => one === key))
  const merged = { ...Object.fromEntries(created), ...changed }
  return isContainerRecord(merged) ? merged : record
}

export function readAttemptRecord(own: ContainerPaths): AttemptRecord | undefined {
  return readRecord(own.attempt, isAttemptRecord)
}

/** Makes the directory of an attempt that begins, and writes its record. */
export function beginAttemptRecord(own: ContainerPaths, record: AttemptRecord): void {
  mkdirSync(own.run, { recursive: true, mode: 0o700 })
  writeAttemptRecord(own, record)
}

export function writeAttemptRecord(own: ContainerPaths, record: AttemptRecord): void {
  writeRecord(own.attempt, record)
}

function isContainerRecord(value: object): value is ContainerRecord {
  const record = value as Partial<ContainerRecord>
  return (
    typeof record.name === 'string' &&
    typeof record.stack === 'string' &&
    typeof record.service === 'string' &&
    typeof record.spec === 'object' &&
    Array.isArray(record.dependsOn) &&
    typeof record.attempts === 'number'
  )
}

function isAttemptRecord(value: object): value is AttemptRecord {
  const record = value as Partial<AttemptRecord>
  return (
    typeof record.attempt === 'number' &&
    typeof record.bootId === 'string' &&
    typeof record.cgroup === 'string' &&
    Array.isArray(record.interfaces)
  )
}
