/** What a container finds in its file system beside its image. */

import { posix } from 'node:path'
import type { Service, ServiceMount } from '../../spec/index.ts'
import type { MountSpec } from '../model.ts'
import { compareNames } from '../order.ts'
import { containerName, type Place } from './context.ts'
import { fileMountsOf } from './file-mounts.ts'
import { present, sizeBytes } from './units.ts'

/**
 * Mounts of `volumes`, `tmpfs`, `volumes_from`, and of `configs` and `secrets` that are files; one
 * per target, sorted by it. Where two ask for a target, the container's own wins over another's.
 */
export function mountsOf(place: Place): readonly MountSpec[] {
  const { service, stack } = place
  const mounts = [
    ...borrowedMounts(place, new Set([place.serviceName])),
    ...ownMounts(place),
    ...fileMountsOf(stack, service),
  ]
  const byTarget = new Map(mounts.map((mount) => [mount.target, mount]))
  return [...byTarget.values()].toSorted((a, b) => compareNames(a.target, b.target))
}

/**
 * The name of an anonymous volume, so that the replacement of a container finds it again. `@`
 * occurs in no name of a named volume, and what stands after it in no two targets.
 */
export function anonymousVolumeName(container: string, target: string): string {
  const escaped = target.replace(/^\//u, '').replaceAll(/[^A-Za-z0-9./-]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `=${code.toString(16)}=`
  })
  return `${container}@${escaped.replaceAll('/', '_')}`
}

function ownMounts(place: Place): readonly MountSpec[] {
  const { service } = place
  return [
    ...(service.volumes ?? []).flatMap((mount) => mountOf(place, mount)),
    ...(service.tmpfs ?? []).map(tmpfsOf),
  ]
}

/** `volumes_from: service[:ro]`: the mounts of its first container; `visited` ends circles. */
function borrowedMounts(place: Place, visited: ReadonlySet<string>): readonly MountSpec[] {
  const { stack, service } = place
  return (service.volumes_from ?? []).flatMap((source) => {
    const [serviceName = '', access] = source.split(':')
    const lender: Service | undefined = stack.services[serviceName]
    if (lender === undefined || visited.has(serviceName)) return []
    const name = containerName(stack, serviceName, 1)
    const other: Place = { ...place, serviceName, service: lender, name, index: 1 }
    const mounts = [
      ...borrowedMounts(other, new Set([...visited, serviceName])),
      ...ownMounts(other),
    ].filter((mount) => mount.kind !== 'tmpfs')
    return access === 'ro' ? mounts.map((mount) => ({ ...mount, readOnly: true })) : mounts
  })
}

/** The other types (`image`, `npipe`, `cluster`) have no mount here. */
function mountOf(place: Place, mount: ServiceMount): readonly MountSpec[] {
  const target = cleanTarget(mount.target)
  if (mount.type === 'volume') return [volumeMount(place, mount, target)]
  if (mount.type === 'bind') return [bindMount(mount, target)]
  return mount.type === 'tmpfs' ? [tmpfsMount(mount, target)] : []
}

function tmpfsMount(mount: ServiceMount, target: string): MountSpec {
  return present({
    kind: 'tmpfs' as const,
    target,
    sizeBytes: sizeBytes(mount.tmpfs?.size) || undefined,
    mode: mount.tmpfs?.mode,
    options: mount.read_only === true ? ['ro'] : [],
  })
}

function volumeMount(place: Place, mount: ServiceMount, target: string): MountSpec {
  const { source } = mount
  const volume =
    source === undefined
      ? anonymousVolumeName(place.name, target)
      : (place.stack.volumes?.[source]?.name ?? `${place.stack.name}_${source}`)
  return present({
    kind: 'volume' as const,
    volume,
    anonymous: source === undefined,
    target,
    readOnly: mount.read_only ?? false,
    nocopy: mount.volume?.nocopy ?? false,
    subpath: mount.volume?.subpath,
  })
}

function bindMount(mount: ServiceMount, target: string): MountSpec {
  return present({
    kind: 'bind' as const,
    source: mount.source ?? '',
    target,
    readOnly: mount.read_only ?? false,
    createHostPath: mount.bind?.create_host_path ?? true,
    propagation: mount.bind?.propagation || undefined,
    recursive: recursiveOf(mount.bind?.recursive),
  })
}

/** `enabled` and `readonly` are what happens anyway. */
function recursiveOf(text: string | undefined): 'disabled' | 'writable' | undefined {
  return text === 'disabled' || text === 'writable' ? text : undefined
}

/** `path`, or `path:size=64m,mode=1777,noexec`. */
function tmpfsOf(text: string): MountSpec {
  const colon = text.indexOf(':')
  const target = cleanTarget(colon < 0 ? text : text.slice(0, colon))
  const options =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(',')
          .filter(Boolean)
  const valueOf = (name: string): string | undefined =>
    options.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1)
  const mode = valueOf('mode')
  return present({
    kind: 'tmpfs' as const,
    target,
    sizeBytes: sizeBytes(valueOf('size')) || undefined,
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
    options: options.filter((each) => !each.startsWith('size=') && !each.startsWith('mode=')),
  })
}

/** `/data/` and `/data//x/..` are `/data`. */
function cleanTarget(target: string): string {
  const clean = posix.normalize(target)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}
