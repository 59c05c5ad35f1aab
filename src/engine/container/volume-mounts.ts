/** Finds the sources of a container's binds and volumes, and fills a new volume from the image. */

import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { close, type Fd, O, openIn, openPath } from '../../linux/index.ts'
import { EngineError, errorText, isErrno } from '../../errors.ts'
import type { MountSpec } from '../../planner/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { ContainerRecord } from '../records/container.ts'
import type { Undo } from '../undo.ts'
import { fillVolume } from '../volume/copy-up.ts'
import { boundPath, openDevice, volumeDevice, type VolumeDevice } from '../volume/device.ts'
import { openVolume, volumeSpecOf } from '../volume/volumes.ts'
import { targetOf } from './describe.ts'
import type { OciMount } from './oci.ts'

export interface SourceInput {
  readonly container: LiveContainer
  readonly mounts: readonly OciMount[]
  /** Detached root, for what a new volume is filled with. Absent: with nothing. */
  readonly rootFd: Fd | undefined
  /** Trees that are held already, by where they are mounted: those of devices are added. */
  readonly trees: Map<string, Fd>
  readonly undo: Undo
}

/** The mounts with every bind's source as a path of the host. Throws MOUNT_SOURCE. */
export function resolveSources(machine: Machine, input: SourceInput): readonly OciMount[] {
  const specs = new Map(input.container.record.spec.mounts.map((spec) => [targetOf(spec), spec]))
  return input.mounts.map((mount) => {
    const spec = specs.get(mount.destination)
    if (mount.type !== 'bind' || spec === undefined) return mount
    if (spec.kind === 'tmpfs' || spec.kind === 'file') return mount
    if (spec.kind === 'bind') return { ...mount, source: bindSource(machine, input, spec) }
    const device = deviceOf(machine, spec)
    return device === undefined
      ? { ...mount, source: volumeSource(machine, input, spec) }
      : deviceMount(machine, input, { mount, spec, device })
  })
}

function deviceOf(
  { paths }: Machine,
  { volume }: Extract<MountSpec, { kind: 'volume' }>,
): VolumeDevice | undefined {
  const made = volumeSpecOf(paths, volume)
  return made === undefined ? undefined : volumeDevice(made)
}

/** A volume with `driver_opts`: a path of the host, or a file system of its own. */
function deviceMount(
  machine: Machine,
  { trees, undo }: SourceInput,
  what: {
    readonly mount: OciMount
    readonly spec: Extract<MountSpec, { kind: 'volume' }>
    readonly device: VolumeDevice
  },
): OciMount {
  const { mount, spec, device } = what
  if (device.kind === 'bind') {
    const path = boundPath(spec.volume, device)
    const options = device.readOnly ? [...mount.options, 'ro'] : mount.options
    return { ...mount, options, source: subpathOf(path, spec, undo) }
  }
  if (spec.subpath !== undefined) {
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot mount a part of volume "${spec.volume}": it is a file system of its own`,
      { hint: 'leave "subpath" out' },
    )
  }
  const tree = openDevice(machine, spec.volume, device)
  undo.push(() => close(tree))
  trees.set(mount.destination, tree)
  return { ...mount, source: spec.volume }
}

function bindSource(
  machine: Machine,
  { container: { record, given } }: SourceInput,
  spec: Extract<MountSpec, { kind: 'bind' }>,
): string {
  if (!existsSync(spec.source)) {
    checkBindSource(record.name, spec)
    mkdirSync(spec.source, { recursive: true })
  }
  if (given?.sources.has(spec.source) !== true) refuseOwnState(machine, record, spec)
  return spec.source
}

/**
 * Throws MOUNT_SOURCE for a path that is not there and that is not to be made: a directory in the
 * place of a socket helps nobody, and keeps its engine from starting later.
 */
export function checkBindSource(
  container: string,
  { source, target, createHostPath }: Extract<MountSpec, { kind: 'bind' }>,
): void {
  const isSocket = source.endsWith('.sock')
  if ((createHostPath && !isSocket) || existsSync(source)) return
  const what = `Cannot mount "${source}" at "${target}" of "${container}"`
  if (!createHostPath) {
    throw new EngineError('MOUNT_SOURCE', `${what}: it does not exist`, {
      hint: 'create it, or set "create_host_path: true"',
    })
  }
  throw new EngineError('MOUNT_SOURCE', `${what}: there is no such socket`, {
    hint: 'start the program that listens there; tsstack offers no Docker API of its own',
  })
}

/** A container that writes our records would decide what runs as root on the host. */
function refuseOwnState(
  { paths }: Machine,
  record: ContainerRecord,
  spec: Extract<MountSpec, { kind: 'bind' }>,
): void {
  const real = realpathSync(spec.source)
  const own = [paths.state, paths.run].map((path) => realpathSync(path))
  if (!own.some((path) => real === path || real.startsWith(`${path}/`))) return
  throw new EngineError(
    'MOUNT_SOURCE',
    `Cannot mount "${spec.source}" in "${record.name}": it belongs to tsstack itself`,
    { hint: 'use a named volume' },
  )
}

function volumeSource(
  machine: Machine,
  input: SourceInput,
  spec: Extract<MountSpec, { kind: 'volume' }>,
): string {
  const { container, undo } = input
  const { record } = container
  const data = openVolume(machine, record, { name: spec.volume, anonymous: spec.anonymous })
  const { rootFd } = input
  if (rootFd !== undefined && !spec.nocopy && spec.subpath === undefined) {
    copyUp(rootFd, spec.target, data)
  }
  return subpathOf(data, spec, undo)
}

function subpathOf(
  path: string,
  { volume: name, subpath }: Extract<MountSpec, { kind: 'volume' }>,
  undo: Undo,
): string {
  if (subpath === undefined) return path
  const volume = openPath(path, O.DIRECTORY)
  undo.push(() => close(volume))
  // Resolved inside the volume: its content is the containers' own, links and all.
  const inside = openPart(volume, name, subpath)
  undo.push(() => close(inside))
  return `/proc/self/fd/${inside}`
}

function openPart(volume: Fd, name: string, subpath: string): Fd {
  try {
    return openIn(volume, subpath, { flags: O.PATH })
  } catch (cause) {
    const isMissing = isErrno(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')
    const why = isMissing ? 'it has no such directory or file' : errorText(cause)
    throw new EngineError('MOUNT_SOURCE', `Cannot mount "${subpath}" of volume "${name}": ${why}`, {
      hint: 'make it, or leave "subpath" out; links of the volume lead nowhere outside of it',
      cause,
    })
  }
}

/** An empty volume gets what the image has at its place. */
function copyUp(rootFd: Fd, target: string, data: string): void {
  const content = openIfPresent(rootFd, target)
  if (content === undefined) return
  try {
    fillVolume(`/proc/self/fd/${content}`, data)
  } finally {
    // At once: it would keep the root from being mounted with other owners.
    close(content)
  }
}

function openIfPresent(rootFd: Fd, path: string): Fd | undefined {
  try {
    return openIn(rootFd, path, { flags: O.PATH | O.DIRECTORY })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}
