/** Prepares a container's mounts, binds as detached trees, and makes the places they go to. */

import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import {
  close,
  dup,
  type Fd,
  makeDirectoryIn,
  makeFileIn,
  mountSetattr,
  type Propagation,
  O,
  openIn,
  openTree,
  sealedMemfd,
  statFd,
} from '../../linux/index.ts'
import { EngineError, errorText, isErrno, KernelError } from '../../errors.ts'
import { mapOwners } from '../users/map-owners.ts'
import type { Undo } from '../undo.ts'
import { checkTarget, TOP_ONLY } from './describe.ts'
import type { HostDevice } from './devices.ts'
import { DEFAULT_MOUNTS } from './defaults.ts'
import { IMAGE, inTheWay, type MountPlace, notThere, refuseDirectory } from './in-the-way.ts'
import { attributesOf, type NewFileSystem, newFileSystem, placeEntries } from './new-file-system.ts'
import { type OciMount, OVER_PROC } from './oci.ts'

export type PreparedMount =
  | {
      readonly kind: 'attach'
      readonly target: string
      readonly fd: Fd
      readonly isDirectory: boolean
      readonly attributes: MountAttributes
      /** What is mounted below keeps its own attributes. */
      readonly topOnly?: boolean
      /** Its owners are mapped to the container's users: the OCI words for this. */
      readonly mapped?: 'idmap' | 'ridmap' | undefined
    }
  | { readonly kind: 'create'; readonly target: string; readonly system: NewFileSystem }
  | {
      /** A copy of `fd`'s content in memory. */
      readonly kind: 'file'
      readonly target: string
      readonly fd: Fd
      readonly content: FileContent
    }
  | {
      /** A directory of the host's own file systems, which nobody else can move or replace. */
      readonly kind: 'bind-host'
      readonly target: string
      readonly source: string
      readonly attributes: MountAttributes
    }

/** What a secret or a config is to look like. */
export interface FileContent {
  readonly bytes: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface MountAttributes {
  readonly readOnly: boolean
  readonly nosuid: boolean
  readonly nodev: boolean
  readonly noexec: boolean
  readonly noatime?: boolean
  readonly strictatime?: boolean
  readonly nodiratime?: boolean
  readonly nosymfollow?: boolean
}

export interface MountContext {
  readonly container: string
  /** Detached overlay, still writable. */
  readonly rootFd: Fd
  /** Made when it is missing, in whatever will be mounted there. */
  readonly workingDir: string
  /** The container's own group in each hierarchy; one unnamed entry on cgroup v2. */
  readonly cgroups: readonly { readonly name: string; readonly directory: string }[]
  /** Whose nodes the new /dev gets; `bound`: they are among the mounts. */
  readonly devices: readonly HostDevice[] | 'bound'
  /** The container's user namespace. Absent: the host's. */
  readonly users?: Fd | undefined
  /** Trees that are held already, by the place where they are mounted. */
  readonly trees: ReadonlyMap<string, Fd>
  /** Contents of `file` mounts, by the place where they are mounted. */
  readonly files: ReadonlyMap<string, FileContent>
  /** The new /dev has a place for a console. */
  readonly hasConsole: boolean
  readonly undo: Undo
}

/**
 * Every mount of the list in its order. Nothing is attached anywhere: the descriptors are all that
 * holds the trees, so that a crash leaves no mount on the host.
 */
export function prepareMounts(
  mounts: readonly OciMount[],
  context: MountContext,
): readonly PreparedMount[] {
  const prepared: PreparedMount[] = []
  for (const mount of mounts) {
    for (const one of prepareMount(mount, context)) {
      makeTarget(one, prepared, context)
      prepared.push(one)
    }
  }
  makeWorkingDirectory(prepared, context)
  // Attributes come last: a read-only tree could not be given the places of what lies below it.
  for (const one of prepared) if (one.kind === 'attach') applyAttributes(one, context)
  return prepared
}

function prepareMount(mount: OciMount, context: MountContext): readonly PreparedMount[] {
  // The places of the default mounts are real directories: the init layer sees to that.
  if (DEFAULT_TYPES.get(mount.destination) === mount.type) return prepareDefault(mount, context)
  const target = realTarget(context.rootFd, mount.destination)
  // Again, now that the image's links are followed: one may lead into procfs.
  if (!mount.options.includes(OVER_PROC)) checkTarget(context.container, target)
  return [prepareAt(mount, target, context)]
}

/**
 * The same for a container that runs, of mounts it has lost, at the places that they had; parents
 * first. Nothing is made outside of them: where their places are gone, they cannot be attached.
 */
export function prepareLost(
  lost: readonly { readonly mount: OciMount; readonly target: string }[],
  context: LostContext,
): readonly PreparedMount[] {
  const prepared: PreparedMount[] = []
  for (const { mount, target } of lost) {
    const one = prepareAt(mount, target, context)
    if (deepestAbove(target, prepared)) makeTarget(one, prepared, { ...context, rootFd: -1 })
    prepared.push(one)
  }
  for (const one of prepared) if (one.kind === 'attach') applyAttributes(one, context)
  return prepared
}

export type LostContext = Pick<MountContext, 'container' | 'files' | 'trees' | 'undo' | 'users'>

/** One that is no default mount. */
function prepareAt(mount: OciMount, target: string, context: LostContext): PreparedMount {
  if (mount.type === 'file') return prepareFile(mount, target, context)
  if (mount.type !== 'bind') return { kind: 'create', target, system: newFileSystem(mount) }
  const fd = cloneTree(mount, context)
  context.undo.push(() => close(fd))
  setPropagation(fd, mount.options)
  const isDirectory = statFd(fd).kind === 'directory'
  const topOnly = mount.options.includes(TOP_ONLY)
  const attributes = attributesOf(mount.options)
  const mapped = mount.options.find((word) => word === 'idmap' || word === 'ridmap')
  return { kind: 'attach', target, fd, isDirectory, attributes, topOnly, mapped }
}

function prepareFile(mount: OciMount, target: string, context: LostContext): PreparedMount {
  const content = context.files.get(mount.destination)
  assert(content, `The content of "${mount.destination}" has been read`)
  const fd = sealedMemfd('tsstack-file', Buffer.from(content.bytes))
  context.undo.push(() => close(fd))
  return { kind: 'file', target, fd, content }
}

const NO_ATTRIBUTES: MountAttributes = attributesOf([])

const DEFAULT_TYPES: ReadonlyMap<string, string> = new Map(
  DEFAULT_MOUNTS.map(({ destination, type }) => [destination, type]),
)

function prepareDefault(mount: OciMount, context: MountContext): readonly PreparedMount[] {
  if (mount.type === 'cgroup') return prepareCgroups(mount, context)
  const held = context.trees.get(mount.destination)
  if (held !== undefined) return [heldMount(mount.destination, held, context)]
  const system = newFileSystem(mount, context.devices)
  if (mount.destination === '/dev' && context.hasConsole) {
    system.entries.push({ kind: 'file', path: 'console', mode: 0o600 })
  }
  return [{ kind: 'create', target: mount.destination, system }]
}

function heldMount(target: string, held: Fd, { undo }: MountContext): PreparedMount {
  const fd = dup(held)
  undo.push(() => close(fd))
  return { kind: 'attach', target, fd, isDirectory: true, attributes: NO_ATTRIBUTES }
}

function cloneTree(mount: OciMount, { container, trees }: LostContext): Fd {
  const held = trees.get(mount.destination)
  if (held !== undefined) return dup(held)
  try {
    return openTree(mount.source, { clone: true, recursive: mount.options.includes('rbind') })
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError(
      'MOUNT_SOURCE',
      `Cannot mount "${mount.source}" at "${mount.destination}" of "${container}": ${why}`,
      { hint: 'create it, or change the source of the volume', cause },
    )
  }
}

/** A clone is a peer of what it was cloned from: mounts of the host would go on to appear in it. */
function setPropagation(fd: Fd, options: readonly string[]): void {
  const word = options.find((one) => /^r?(private|slave|shared)$/.test(one)) ?? 'rprivate'
  const propagation = word.replace(/^r/, '') as Propagation
  // A clone of a shared mount is shared; what is not cannot be made a peer of the host after the
  // fact.
  if (propagation === 'shared') return
  mountSetattr(fd, { recursive: true, propagation })
}

/**
 * v1: a tmpfs with one directory per hierarchy. v2: the group itself. Only the container's own
 * shows.
 */
export function prepareCgroups(
  mount: OciMount,
  context: Pick<MountContext, 'cgroups'>,
): readonly PreparedMount[] {
  const { destination: target } = mount
  const attributes = attributesOf(mount.options)
  const bindGroup = (at: string, source: string): PreparedMount => {
    return { kind: 'bind-host', target: at, source, attributes }
  }
  const [first] = context.cgroups
  if (first?.name === '') return [bindGroup(target, first.directory)]
  const options = ['mode=755', 'size=64k', ...mount.options]
  const tmpfs = newFileSystem({ destination: target, type: 'tmpfs', source: 'tmpfs', options })
  return [
    { kind: 'create', target, system: tmpfs },
    ...context.cgroups.map(({ name, directory }) => bindGroup(posix.join(target, name), directory)),
  ]
}

/** Makes the directory or file that a mount covers, inside whatever tree will be there by then. */
export function makeTarget(
  mount: PreparedMount,
  earlier: readonly PreparedMount[],
  context: Pick<MountContext, 'rootFd' | 'container'>,
): void {
  const { rootFd, container } = context
  const { target } = mount
  const parent = deepestAbove(target, earlier)
  const isDirectory = !isFile(mount)
  const place = { container, target, isDirectory, ...holderOf(target, parent, rootFd) }
  if (parent && isFile(parent)) throw notThere(place, `"${parent.target}" above it is a file`)
  if (parent?.kind === 'attach') return makePlaceIn(place)
  try {
    makePlace(place, earlier, context)
  } catch (cause) {
    throw inTheWay(cause, place)
  }
  if (parent === undefined) refuseDirectory(place)
}

function holderOf(
  target: string,
  parent: PreparedMount | undefined,
  rootFd: Fd,
): Pick<MountPlace, 'holder' | 'tree' | 'path'> {
  if (parent?.kind !== 'attach') return { holder: IMAGE, tree: rootFd, path: target }
  const path = target.slice(parent.target.length)
  return { holder: `what is mounted at "${parent.target}"`, tree: parent.fd, path }
}

const isFile = (mount: PreparedMount): boolean =>
  mount.kind === 'file' || (mount.kind === 'attach' && !mount.isDirectory)

/**
 * A volume may be written to by others, so that a link in it can lead anywhere by the time it
 * counts. The child follows none there; this says so in words.
 */
function makePlaceIn(place: MountPlace): void {
  const { tree, path, target, container, holder } = place
  try {
    makeIn(tree, place)
    close(openIn(tree, path, { resolve: 'no-symlinks' }))
  } catch (cause) {
    if (!isErrno(cause, 'ELOOP')) throw inTheWay(cause, place)
    const message =
      `Cannot mount at "${target}" of "${container}": ` +
      `a symbolic link lies on the way in ${holder}`
    const hint = 'give the place that the link leads to as the target'
    throw new EngineError('LAUNCH', message, { hint, cause })
  }
  refuseDirectory(place)
}

/** As Docker does. Where it cannot be made, the child's chdir(2) says so. */
function makeWorkingDirectory(prepared: readonly PreparedMount[], context: MountContext): void {
  const target = realTarget(context.rootFd, context.workingDir)
  if (target === '/' || prepared.some((mount) => mount.target === target)) return
  try {
    makePlace({ path: target, isDirectory: true }, prepared, context)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

/** In a tree of ours at once; in one that the child will make, as one of its first entries. */
function makePlace(
  place: { readonly path: string; readonly isDirectory: boolean },
  earlier: readonly PreparedMount[],
  { rootFd }: Pick<MountContext, 'rootFd'>,
): void {
  const parent = deepestAbove(place.path, earlier)
  if (parent === undefined) {
    if (!DEFAULT_TYPES.has(place.path)) makeIn(rootFd, place)
    return
  }
  const below = { ...place, path: place.path.slice(parent.target.length) }
  if (parent.kind === 'attach') makeIn(parent.fd, below)
  // procfs, sysfs and groups have the places that are mounted over; nobody can make more.
  if (parent.kind !== 'create' || parent.system.type !== 'tmpfs') return
  parent.system.entries.push(...placeEntries(below.path, below.isDirectory))
}

function makeIn(tree: Fd, place: { readonly path: string; readonly isDirectory: boolean }): void {
  if (place.isDirectory) makeDirectoryIn(tree, place.path, { mode: 0o755 })
  else makeFileIn(tree, place.path, { mode: 0o644 })
}

/** The mount among `earlier` in whose tree `path` will lie. */
export function deepestAbove(
  path: string,
  earlier: readonly PreparedMount[],
): PreparedMount | undefined {
  return earlier
    .filter((mount) => path.startsWith(`${mount.target}/`))
    .reduce<PreparedMount | undefined>(
      (deepest, one) => (one.target.length >= (deepest?.target.length ?? 0) ? one : deepest),
      undefined,
    )
}

/**
 * Where `path` leads once the links of the image are followed: what is made there, and what is
 * looked at, is then one and the same place.
 */
export function realTarget(rootFd: Fd, path: string): string {
  const parts = posix.resolve('/', path).split('/').filter(Boolean)
  for (let known = parts.length; known > 0; known -= 1) {
    const prefix = openIfPresent(rootFd, parts.slice(0, known).join('/'))
    if (prefix === undefined) continue
    try {
      return posix.join(readlinkSync(`/proc/self/fd/${prefix}`), ...parts.slice(known))
    } finally {
      close(prefix)
    }
  }
  return posix.join('/', ...parts)
}

function openIfPresent(rootFd: Fd, path: string): Fd | undefined {
  try {
    return openIn(rootFd, path, { flags: O.PATH })
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

function applyAttributes(
  mount: Extract<PreparedMount, { kind: 'attach' }>,
  { container, users }: LostContext,
): void {
  if (users !== undefined && mount.mapped) {
    mapOwners(mount.fd, { container, users, what: mount.target, mapped: mount.mapped })
  }
  if (Object.values(mount.attributes).every((isSet) => !isSet)) return
  // Recursive, because a tree that is bound read-only must not have a writable mount inside.
  const recursive = mount.topOnly !== true
  mountSetattr(mount.fd, { recursive, set: mount.attributes })
}
