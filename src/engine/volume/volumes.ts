/** Named and anonymous volumes: directories of the state root that outlive containers. */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import type { ObservedVolume, VolumeSpec } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { volumesDirectory } from '../paths.ts'
import type { ContainerRecord } from '../records/container.ts'
import { directoriesIn } from '../records/present.ts'
import { readRecord, writeRecord } from '../records/file.ts'
import type { Paths } from '../types.ts'

/** Beside the data, so that the directory alone tells whose it is. */
interface VolumeRecord {
  readonly stack: string
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
  const names = directoriesIn(volumesDirectory(machine.paths)).filter(
    (name) => !name.startsWith(DOOMED),
  )
  const owned = new Set(
    [...machine.containers.values()].flatMap(({ record }) =>
      record.spec.mounts.map((mount) => (mount.kind === 'volume' ? mount.volume : '')),
    ),
  )
  return names.flatMap((name) => {
    const record = readVolume(machine.paths, name)
    if (record?.stack !== stack || (record.anonymous && owned.has(name))) return []
    return [{ spec: record.spec, path: volumeData(machine.paths, name) }]
  })
}

/** One that exists already is kept as it is: data is never lost by creating. */
export function createVolume(machine: Machine, stack: string, spec: VolumeSpec): void {
  if (spec.driver !== 'local' && spec.driver !== '') {
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot create volume "${spec.name}": its driver "${spec.driver}" is unknown; use "local"`,
    )
  }
  makeVolume(machine.paths, { stack, anonymous: false, spec })
}

/** A named volume of `stack`, without the checks of a plan. */
export function makeNamedVolume(paths: Paths, stack: string, spec: VolumeSpec): void {
  makeVolume(paths, { stack, anonymous: false, spec })
}

export function removeVolume(machine: Machine, _stack: string, { name }: VolumeSpec): void {
  const directory = volumeDirectory(machine.paths, name)
  // Out of sight first: a crash in the middle must not leave half of the data under its name. No
  // volume's name begins with a dot, so the rest can be told and is taken away by the next call.
  const doomed = join(volumesDirectory(machine.paths), `${DOOMED}${name}`)
  rmSync(doomed, { recursive: true, force: true })
  if (!existsSync(directory)) return
  renameSync(directory, doomed)
  rmSync(doomed, { recursive: true, force: true })
}

const DOOMED = '.removed-'

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
    { hint: 'an external volume is created by "tsstack up" for the stack that has it' },
  )
}

export function removeAnonymousVolumes(machine: Machine, record: ContainerRecord): void {
  for (const mount of record.spec.mounts) {
    if (mount.kind !== 'volume' || !mount.anonymous) continue
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
  if (!existsSync(recordFile(paths, record.spec.name))) {
    writeRecord(recordFile(paths, record.spec.name), record)
  }
  mkdirSync(join(directory, 'data'), { recursive: true, mode: 0o755 })
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
