/** Prepares a container's mounts as detached trees and makes the places they go to. */

import { posix } from 'node:path'
import {
  close,
  createDetachedMount,
  type Fd,
  makeDirectoryIn,
  makeFileIn,
  mountSetattr,
  openTree,
  statFd,
} from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'
import type { Undo } from '../undo.ts'
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
  // Attributes come last: a read-only tree could not be given the places of what lies below it.
  for (const one of prepared) if (one.kind === 'attach') applyAttributes(one)
  return prepared
}

function prepareMount(mount: OciMount, context: MountContext): readonly PreparedMount[] {
  const attributes = attributesOf(mount.options)
  const target = posix.normalize(mount.destination)
  const childType = CHILD_TYPES.find((type) => type === mount.type)
  if (childType) return [{ kind: 'create', target, type: childType, attributes }]
  if (mount.type === 'cgroup') return prepareCgroups(target, context)
  const fd = mount.type === 'bind' ? cloneTree(mount, context) : newFileSystem(mount)
  context.undo.push(() => close(fd))
  if (target === '/dev') fillDev(fd)
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
  { rootFd }: MountContext,
): void {
  const parent = earlier
    .filter(({ target }) => mount.target.startsWith(`${target}/`))
    .reduce<PreparedMount | undefined>(
      (deepest, one) => (one.target.length >= (deepest?.target.length ?? 0) ? one : deepest),
      undefined,
    )
  // procfs and sysfs have the places that are mounted over; nobody can make more.
  if (parent?.kind === 'create') return
  const tree = parent?.fd ?? rootFd
  const path = mount.target.slice(parent?.target.length ?? 0)
  if (mount.kind === 'attach' && !mount.isDirectory) makeFileIn(tree, path, { mode: 0o644 })
  else makeDirectoryIn(tree, path, { mode: 0o755 })
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
