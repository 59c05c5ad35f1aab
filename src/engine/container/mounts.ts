/** Prepares a container's mounts as detached trees and makes the places they go to. */

import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import {
  close,
  createDetachedMount,
  type Fd,
  makeDirectoryIn,
  makeFileIn,
  mountSetattr,
  type Propagation,
  O,
  openIn,
  openTree,
  statFd,
} from '../../linux/index.ts'
import { EngineError, KernelError } from '../../errors.ts'
import type { Undo } from '../undo.ts'
import { checkTarget } from './describe.ts'
import { fillDev } from './dev.ts'
import type { OciMount } from './oci.ts'

/** File systems whose view depends on the namespaces of who mounts them: made by the child itself. */
const CHILD_TYPES = ['proc', 'sysfs', 'mqueue'] as const
export type ChildType = (typeof CHILD_TYPES)[number]

export type PreparedMount =
  | {
      readonly kind: 'attach'
      readonly target: string
      readonly fd: Fd
      readonly isDirectory: boolean
      readonly attributes: MountAttributes
    }
  | {
      readonly kind: 'create'
      readonly target: string
      readonly type: ChildType
      readonly attributes: MountAttributes
    }

export interface MountAttributes {
  readonly readOnly: boolean
  readonly nosuid: boolean
  readonly nodev: boolean
  readonly noexec: boolean
}

export interface MountContext {
  readonly container: string
  /** Detached overlay, still writable. */
  readonly rootFd: Fd
  /** Made when it is missing, in whatever will be mounted there. */
  readonly workingDir: string
  /** The container's own group in each hierarchy; one unnamed entry on cgroup v2. */
  readonly cgroups: readonly { readonly name: string; readonly directory: string }[]
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
  for (const one of prepared) if (one.kind === 'attach') applyAttributes(one)
  return prepared
}

function prepareMount(mount: OciMount, context: MountContext): readonly PreparedMount[] {
  const attributes = attributesOf(mount.options)
  const target = realTarget(context.rootFd, mount.destination)
  const childType = CHILD_TYPES.find((type) => type === mount.type)
  if (childType) return [{ kind: 'create', target, type: childType, attributes }]
  if (mount.type === 'cgroup') return prepareCgroups(target, context)
  // Again, now that the image's links are followed: one may lead into procfs.
  checkTarget(context.container, target)
  const fd = mount.type === 'bind' ? cloneTree(mount, context) : newFileSystem(mount)
  context.undo.push(() => close(fd))
  if (mount.type === 'bind') setPropagation(fd, mount.options)
  if (target === '/dev' && mount.type === 'tmpfs') fillDev(fd)
  const isDirectory = statFd(fd).kind === 'directory'
  return [{ kind: 'attach', target, fd, isDirectory, attributes }]
}

function cloneTree(mount: OciMount, { container }: MountContext): Fd {
  try {
    return openTree(mount.source, { clone: true, recursive: mount.options.includes('rbind') })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
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
  // A clone of a shared mount is shared; what is not cannot be made a peer of the host after the fact.
  if (propagation === 'shared') return
  mountSetattr(fd, { recursive: true, propagation })
}

const ATTRIBUTE_WORDS = new Set(['ro', 'rw', 'nosuid', 'nodev', 'noexec', 'newinstance'])
/** Words that are attributes of the mount in time keeping; the kernel's default serves as well. */
const IGNORED_WORDS = new Set(['strictatime', 'relatime', 'noatime', 'suid', 'dev', 'exec'])

function newFileSystem(mount: OciMount): Fd {
  const options: Record<string, string | true> = {}
  for (const word of mount.options) {
    if (ATTRIBUTE_WORDS.has(word) || IGNORED_WORDS.has(word)) continue
    const at = word.indexOf('=')
    if (at < 0) options[word] = true
    else options[word.slice(0, at)] = word.slice(at + 1)
  }
  return createDetachedMount({ type: mount.type, options })
}

/** v1: a tmpfs with one directory per hierarchy. v2: the group itself. Only the container's own shows. */
function prepareCgroups(target: string, context: MountContext): readonly PreparedMount[] {
  const attributes = { readOnly: true, nosuid: true, nodev: true, noexec: true }
  const bindGroup = (at: string, directory: string): PreparedMount => {
    const fd = openTree(directory, { clone: true, recursive: false })
    context.undo.push(() => close(fd))
    setPropagation(fd, [])
    return { kind: 'attach', target: at, fd, isDirectory: true, attributes }
  }
  const [first] = context.cgroups
  if (first?.name === '') return [bindGroup(target, first.directory)]
  const tmpfs = createDetachedMount({ type: 'tmpfs', options: { mode: '755', size: '64k' } })
  context.undo.push(() => close(tmpfs))
  return [
    { kind: 'attach', target, fd: tmpfs, isDirectory: true, attributes },
    ...context.cgroups.map(({ name, directory }) => bindGroup(posix.join(target, name), directory)),
  ]
}

/** Makes the directory or file that a mount covers, inside whatever tree will be there by then. */
function makeTarget(
  mount: PreparedMount,
  earlier: readonly PreparedMount[],
  context: MountContext,
): void {
  const place = placeOf(mount.target, earlier, context)
  if (!place) return
  const { tree, path } = place
  if (mount.kind === 'attach' && !mount.isDirectory) makeFileIn(tree, path, { mode: 0o644 })
  else makeDirectoryIn(tree, path, { mode: 0o755 })
}

/** As Docker does. Where it cannot be made, the child's chdir(2) says so. */
function makeWorkingDirectory(prepared: readonly PreparedMount[], context: MountContext): void {
  const target = realTarget(context.rootFd, context.workingDir)
  if (target === '/' || prepared.some((mount) => mount.target === target)) return
  const place = placeOf(target, prepared, context)
  try {
    if (place) makeDirectoryIn(place.tree, place.path, { mode: 0o755 })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

/**
 * The tree that will be at `target`, and the path from its root. Undefined in procfs and sysfs, which
 * have the places that are mounted over; nobody can make more.
 */
function placeOf(
  target: string,
  earlier: readonly PreparedMount[],
  { rootFd }: MountContext,
): { readonly tree: Fd; readonly path: string } | undefined {
  const parent = earlier
    .filter((mount) => target.startsWith(`${mount.target}/`))
    .reduce<PreparedMount | undefined>(
      (deepest, one) => (one.target.length >= (deepest?.target.length ?? 0) ? one : deepest),
      undefined,
    )
  if (parent?.kind === 'create') return undefined
  return { tree: parent?.fd ?? rootFd, path: target.slice(parent?.target.length ?? 0) }
}

/**
 * Where `path` leads once the links of the image are followed: what is made there, and what is looked
 * at, is then one and the same place.
 */
function realTarget(rootFd: Fd, path: string): string {
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

function applyAttributes(mount: Extract<PreparedMount, { kind: 'attach' }>): void {
  const { readOnly, nosuid, nodev, noexec } = mount.attributes
  if (!readOnly && !nosuid && !nodev && !noexec) return
  // Recursive, because a tree that is bound read-only must not have a writable mount inside.
  mountSetattr(mount.fd, { recursive: true, set: { readOnly, nosuid, nodev, noexec } })
}

function attributesOf(options: readonly string[]): MountAttributes {
  return {
    readOnly: options.includes('ro'),
    nosuid: options.includes('nosuid'),
    nodev: options.includes('nodev'),
    noexec: options.includes('noexec'),
  }
}
