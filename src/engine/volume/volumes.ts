/** Named and anonymous volumes: directories of the state root that outlive containers. */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import type { ObservedVolume, VolumeSpec } from '../../planner/index.ts'
import { type Machine, usersOf } from '../machine.ts'
import { volumesDirectory } from '../paths.ts'
import type { ContainerRecord } from '../records/container.ts'
import { directoriesIn } from '../records/present.ts'
import { readRecord, writeRecord } from '../records/file.ts'
import { volumeDevice } from './device.ts'
import type { Paths } from '../types.ts'

/** Beside the data, so that the directory alone tells whose it is. */
export interface VolumeRecord {
  readonly stack: string
  /** Further stacks that have a volume of this name in their files. */
  readonly sharedBy?: readonly string[]
  readonly anonymous: boolean
  readonly spec: VolumeSpec
}

/** Directory that a container sees as the volume. */
export function volumeData(paths: Paths, name: string): string {
  return join(volumeDirectory(paths, name), 'data')
}

/** @throws {EngineError} MOUNT_SOURCE for a name that would lead out of the volumes' directory */
function volumeDirectory(paths: Paths, name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.@=-]*$/.test(name)) return join(volumesDirectory(paths), name)
  throw new EngineError(
    'MOUNT_SOURCE',
    `Cannot use volume "${name}": that is no name of a volume`,
    {
      hint: 'use letters, digits, "_", "." and "-", beginning with a letter or digit',
    },
  )
}

/** Volumes that `stack` made, but for anonymous ones that containers have: those are theirs. */
export function observeVolumes(machine: Machine, stack: string): readonly ObservedVolume[] {
  const owned = new Set(
    [...machine.containers.values()].flatMap(({ record }) =>
      record.spec.mounts.map((mount) => (mount.kind === 'volume' ? mount.volume : '')),
    ),
  )
  return readVolumeRecords(machine.paths).flatMap((record) => {
    const { spec, anonymous } = record
    if (!ownersOf(record).includes(stack) || (anonymous && owned.has(spec.name))) return []
    return [{ spec, path: volumeData(machine.paths, spec.name) }]
  })
}

/** Every volume of the state root, sorted by name. */
export function readVolumeRecords(paths: Paths): readonly VolumeRecord[] {
  return directoriesIn(volumesDirectory(paths))
    .filter((name) => !name.startsWith(DOOMED))
    .toSorted()
    .flatMap((name) => readVolume(paths, name) ?? [])
}

function ownersOf({ stack, sharedBy = [] }: VolumeRecord): readonly string[] {
  return [stack, ...sharedBy]
}

/**
 * One that exists already is kept as it is: data is never lost by creating. That of another stack
 * is had by both from then on.
 */
export function createVolume(machine: Machine, stack: string, spec: VolumeSpec): void {
  checkVolume(spec)
  const known = readVolume(machine.paths, spec.name)
  if (known === undefined || ownersOf(known).includes(stack)) {
    makeVolume(machine.paths, { stack, anonymous: false, spec })
    return
  }
  const sharedBy = [...(known.sharedBy ?? []), stack]
  writeRecord(recordFile(machine.paths, spec.name), { ...known, sharedBy })
}

/** Throws NOT_SUPPORTED for a driver, or an option of it, that is not known here. */
export function checkVolume(spec: VolumeSpec): void {
  const { name, driver } = spec
  if (driver !== 'local' && driver !== '') {
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot create volume "${name}": its driver "${driver}" is unknown; use "local"`,
    )
  }
  volumeDevice(spec)
}

/** A named volume of `stack`, without the checks of a plan. */
export function makeNamedVolume(paths: Paths, stack: string, spec: VolumeSpec): void {
  makeVolume(paths, { stack, anonymous: false, spec })
}

/**
 * As long as another stack has it, it only lets go of it. Throws ACTION_FAILED while a container of
 * another stack, where it is `external`, mounts it.
 */
export function removeVolume(machine: Machine, stack: string, { name }: VolumeSpec): void {
  const known = readVolume(machine.paths, name)
  const [next, ...others] = known ? ownersOf(known).filter((each) => each !== stack) : []
  // What others alone have is nothing that this stack could take away.
  if (known && !ownersOf(known).includes(stack)) return
  if (known && next !== undefined) {
    writeRecord(recordFile(machine.paths, name), { ...known, stack: next, sharedBy: others })
    return
  }
  const user = usersOfVolume(machine, name).find((one) => one.stack !== stack)
  if (user) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot remove volume "${name}": container "${user.name}" of stack "${user.stack}" ` +
        'mounts it; take that one down first',
    )
  }
  removeVolumeData(machine.paths, name)
}

/** Containers that mount it, and those to be made that will. */
export function usersOfVolume(machine: Machine, volume: string): ReturnType<typeof usersOf> {
  return usersOf(machine).filter(({ spec }) =>
    spec.mounts.some((one) => one.kind === 'volume' && one.volume === volume),
  )
}

export function removeVolumeData(paths: Paths, name: string): void {
  const directory = volumeDirectory(paths, name)
  // Out of sight first: a crash in the middle must not leave half of the data under its name. No
  // volume's name begins with a dot, so the rest can be told and is taken away by the next call.
  const doomed = join(volumesDirectory(paths), `${DOOMED}${name}`)
  rmSync(doomed, { recursive: true, force: true })
  if (!existsSync(directory)) return
  renameSync(directory, doomed)
  rmSync(doomed, { recursive: true, force: true })
}

const DOOMED = '.removed-'

/** What a volume that exists was made as. */
export function volumeSpecOf(paths: Paths, name: string): VolumeSpec | undefined {
  return readVolume(paths, name)?.spec
}

/** The volume a container mounts, made when it is an anonymous one. Throws MOUNT_SOURCE. */
export function openVolume(
  machine: Machine,
  record: ContainerRecord,
  volume: { readonly name: string; readonly anonymous: boolean },
): string {
  const { name } = volume
  if (volume.anonymous) makeVolume(machine.paths, anonymousVolume(record.stack, name))
  const path = volumeData(machine.paths, name)
  if (existsSync(path)) return path
  throw new EngineError(
    'MOUNT_SOURCE',
    `Cannot mount volume "${name}" in "${record.name}": it does not exist`,
    { hint: 'make it with "tsstack volume create", or bring up the stack that has it' },
  )
}

export function removeAnonymousVolumes(machine: Machine, record: ContainerRecord): void {
  for (const mount of record.spec.mounts) {
    if (mount.kind !== 'volume' || !mount.anonymous) continue
    const users = usersOfVolume(machine, mount.volume)
    if (users.some(({ stack }) => stack !== record.stack)) continue
    removeVolume(machine, record.stack, anonymousVolume(record.stack, mount.volume).spec)
  }
}

function anonymousVolume(stack: string, name: string): VolumeRecord {
  const nothing = { driver: 'local', driverOptions: {}, labels: {} }
  return { stack, anonymous: true, spec: { key: name, name, external: false, ...nothing } }
}

function makeVolume(paths: Paths, record: VolumeRecord): void {
  const directory = volumeDirectory(paths, record.spec.name)
  mkdirSync(directory, { recursive: true, mode: 0o701 })
  // Before the record, which says that there is a volume: what a crash leaves without one is made
  // again.
  mkdirSync(join(directory, 'data'), { recursive: true, mode: 0o755 })
  if (!existsSync(recordFile(paths, record.spec.name))) {
    writeRecord(recordFile(paths, record.spec.name), record)
  }
}

function readVolume(paths: Paths, name: string): VolumeRecord | undefined {
  return readRecord(recordFile(paths, name), isVolumeRecord)
}

const recordFile = (paths: Paths, name: string): string =>
  join(volumeDirectory(paths, name), 'volume.json')

function isVolumeRecord(value: object): value is VolumeRecord {
  const record = value as Partial<VolumeRecord>
  return typeof record.stack === 'string' && typeof record.spec === 'object'
}
