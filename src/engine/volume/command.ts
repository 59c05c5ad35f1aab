/** What `tsstack volume` does: volumes of every stack and of none, by their names. */

import { EngineError } from '../../errors.ts'
import { didYouMean, type VolumeSpec } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { STANDALONE } from '../paths.ts'
import type { VolumeCommand } from '../types.ts'
import {
  createVolume,
  readVolumeRecords,
  removeVolumeData,
  usersOfVolume,
  volumeData,
} from './volumes.ts'

/** A volume as `tsstack volume ls` and `inspect` tell it. */
export interface VolumeReading {
  readonly spec: VolumeSpec
  /** Those that have it in their files; empty: made by `volume create`. */
  readonly stacks: readonly string[]
  readonly anonymous: boolean
  readonly path: string
  /** Names of the containers that mount it, running or not. */
  readonly containers: readonly string[]
}

/** Sorted by name. */
export function readVolumes(machine: Machine): readonly VolumeReading[] {
  return readVolumeRecords(machine.paths).map(({ spec, stack, sharedBy = [], anonymous }) => ({
    spec,
    stacks: [stack, ...sharedBy].filter((each) => each !== STANDALONE),
    anonymous,
    path: volumeData(machine.paths, spec.name),
    containers: namesOfUsers(machine, spec.name),
  }))
}

/** Names of what was made or removed. */
export function runVolumeCommand(machine: Machine, command: VolumeCommand): readonly string[] {
  switch (command.do) {
    case 'create':
      createByHand(machine, command.spec)
      return [command.spec.name]
    case 'remove':
      for (const name of command.volumes) checkRemoval(machine, name)
      for (const name of command.volumes) removeVolumeData(machine.paths, name)
      return command.volumes
    case 'prune':
      return prune(machine, command)
  }
}

function createByHand(machine: Machine, spec: VolumeSpec): void {
  if (readVolumes(machine).some((one) => one.spec.name === spec.name)) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot create volume "${spec.name}": there is one of that name`,
      { hint: 'choose another name, or remove that one with "tsstack volume rm"' },
    )
  }
  createVolume(machine, STANDALONE, spec)
}

function checkRemoval(machine: Machine, name: string): void {
  const known = readVolumes(machine).map(({ spec }) => spec.name)
  if (!known.includes(name)) {
    const guess = didYouMean(name, known)
    throw new EngineError('ACTION_FAILED', `Cannot find volume "${name}": there is none`, {
      hint: guess === undefined ? 'see "tsstack volume ls"' : `Did you mean "${guess}"?`,
    })
  }
  const users = namesOfUsers(machine, name)
  if (users.length === 0) return
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot remove volume "${name}": ${users.map((user) => `"${user}"`).join(', ')} mounts it`,
    { hint: 'remove the container first: tsstack down, or tsstack rm' },
  )
}

/** Docker's rule: anonymous ones that nobody mounts; with `all` those with a name as well. */
function prune(machine: Machine, { all }: { readonly all: boolean }): readonly string[] {
  const unused = readVolumes(machine)
    .filter(({ containers, anonymous }) => containers.length === 0 && (anonymous || all))
    .map(({ spec }) => spec.name)
  for (const name of unused) removeVolumeData(machine.paths, name)
  return unused
}

function namesOfUsers(machine: Machine, volume: string): readonly string[] {
  const names = usersOfVolume(machine, volume).map(({ name }) => name)
  return [...new Set(names)].sort()
}
