/** Prepares the root and the mounts of a bundle: binds as detached trees, the rest as descriptions. */

import { cpSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import {
  type BundleMount,
  deepestAbove,
  makeTarget,
  newFileSystem,
  type PreparedMount,
  prepareCgroups,
  realTarget,
  type SetPropagation,
  type Undo,
} from '../engine/index.ts'
import { EngineError, KernelError, isErrno, errorText } from '../errors.ts'
import {
  close,
  createDetachedMount,
  type Fd,
  makeDirectoryIn,
  type MountAttribute,
  type MountAttributes,
  mountSetattr,
  O,
  openIn,
  openTree,
  statFd,
} from '../linux/index.ts'
import { addDevices } from './devices.ts'
import { idmapTree } from './idmap.ts'
import { type MountOptions, readMountOptions } from './mount-options.ts'
import type { RuntimeSpec, SpecMount } from './spec.ts'

export interface MountInput {
  readonly id: string
  readonly spec: RuntimeSpec
  readonly rootFd: Fd
  /** Directory that relative sources begin at. */
  readonly bundle: string
  readonly cgroups: readonly { readonly name: string; readonly directory: string }[]
  /** A devpts that is held already, for a terminal in it. */
  readonly terminals: Fd | undefined
  /** The child may make no device: those of the host are bound. */
  readonly bindsDevices: boolean
  readonly undo: Undo
}

/** A private clone of the bundle's root; a slave of the host where the config wants one. */
export function openRoot(path: string, { linux }: RuntimeSpec, undo: Undo): Fd {
  const fd = openOrSay(path)
  undo.push(() => close(fd))
  const follows = (linux?.rootfsPropagation ?? '').endsWith('slave')
  mountSetattr(fd, { recursive: true, propagation: follows ? 'slave' : 'private' })
  return fd
}

function openOrSay(path: string): Fd {
  try {
    const fd = openTree(path, { clone: true, recursive: true })
    if (statFd(fd).kind === 'directory') return fd
    close(fd)
    throw new Error('it is no directory')
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('LAUNCH', `Cannot use the root "${path}": ${why}`, {
      hint: 'give a directory as root.path',
      cause,
    })
  }
}

/** In the order of the config; places that are missing are made in the root. */
export function prepareBundleMounts(input: MountInput): readonly BundleMount[] {
  const prepared: BundleMount[] = []
  for (const mount of input.spec.mounts ?? []) {
    const options = readMountOptions(mount)
    const target = targetOf(input, mount)
    for (const one of prepare(input, { mount, options, target })) {
      makePlace(input, one, prepared)
      prepared.push(one)
    }
  }
  addDevices(input, prepared)
  return prepared
}

/** Where nothing may be mounted but procfs: programs are confined by what is written there. */
const BELOW_PROC = new Set(
  'cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/net sys/kernel/ns_last_pid'
    .split(' ')
    .map((name) => `/proc/${name}`),
)

/** The place inside the root; throws LAUNCH for one where nothing may be mounted. */
function targetOf({ rootFd }: MountInput, { destination, type }: SpecMount): string {
  const path = posix.resolve('/', destination)
  const target = realTarget(rootFd, path)
  const isKernels = type === 'proc' || type === 'sysfs'
  if (isKernels && target !== path) throw refused(path, `a symbolic link of the root leads away`)
  if (isKernels) refuseFile(rootFd, path)
  if (target === '/') throw refused(path, 'it is the root itself')
  if (target === '/proc' && type !== 'proc') throw refused(path, 'only procfs may be there')
  if (target.startsWith('/proc/') && !BELOW_PROC.has(target)) {
    throw refused(path, 'nothing may be mounted below procfs')
  }
  return target
}

function refuseFile(rootFd: Fd, path: string): void {
  let fd: Fd
  try {
    fd = openIn(rootFd, path.slice(1), { flags: O.PATH | O.NOFOLLOW, resolve: 'in-root' })
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw error
  }
  const { kind } = statFd(fd)
  close(fd)
  if (kind !== 'directory') throw refused(path, `the root has a ${kind} there`)
}

function refused(path: string, why: string): EngineError {
  return new EngineError('LAUNCH', `Cannot mount at "${path}": ${why}`, {
    hint: 'choose another destination, or another root file system',
  })
}

interface One {
  readonly mount: SpecMount
  readonly options: MountOptions
  readonly target: string
}

function prepare(input: MountInput, one: One): readonly BundleMount[] {
  const { propagation } = one.options
  const prepared = prepareKind(input, one)
  return propagation.length === 0 ? prepared : prepared.map((each) => ({ ...each, propagation }))
}

function prepareKind(input: MountInput, one: One): readonly PreparedMount[] {
  const { mount, options, target } = one
  if (options.bind) return [prepareBind(input, one)]
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') {
    const words = (mount.options ?? []).filter((word) => CGROUP_WORDS.has(word))
    const oci = { destination: target, type: 'cgroup', source: 'cgroup', options: words }
    return prepareCgroups(oci, input)
  }
  if (mount.type === 'devpts' && input.terminals !== undefined && target === '/dev/pts') {
    const attributes = attributesFrom(options.set)
    return [attachTree({ fd: input.terminals, target, attributes })]
  }
  return [options.copyUp ? copyUp(input, one) : newMount(one)]
}

/** Made by the child, within its own namespaces. */
function newMount({ mount, options, target }: One): PreparedMount {
  const { type = '', source = '' } = mount
  const system = newFileSystem({ destination: target, type, source, options: options.data })
  const isOwnDev = type === 'tmpfs' && target === '/dev'
  return {
    kind: 'create',
    target,
    system: {
      ...system,
      options: [['source', source === '' ? type : source], ...system.options],
      attributes: attributesFrom(options.set),
      // Its nodes are added when all mounts are known.
      entries: isOwnDev ? [] : system.entries,
    },
  }
}

const CGROUP_WORDS = new Set(['ro', 'nosuid', 'nodev', 'noexec'])

const NO_ATTRIBUTES = { readOnly: false, nosuid: false, nodev: false, noexec: false }

function attributesFrom(set: readonly MountAttribute[]): typeof NO_ATTRIBUTES {
  return { ...NO_ATTRIBUTES, ...Object.fromEntries(set.map((name) => [name, true])) }
}

/** Attributes are set here already: those of the mounts below are their own. */
function prepareBind(input: MountInput, { mount, options, target }: One): PreparedMount {
  const source = posix.resolve(input.bundle, mount.source ?? '')
  const fd = cloneTree(source, { target, recursive: options.recursive })
  input.undo.push(() => close(fd))
  mountSetattr(fd, { recursive: true, propagation: firstPropagation(options.propagation) })
  const below = { set: named(options.setBelow), clear: named(options.clearBelow) }
  if (options.setBelow.length + options.clearBelow.length > 0) {
    mountSetattr(fd, { recursive: true, ...below })
  }
  idmapTree(fd, { mount, options, spec: input.spec })
  return attachTree({
    fd,
    target,
    attributes: attributesFrom(options.set),
    clear: named(options.clear),
  })
}

/** A slave has to be one from the beginning; the rest is set once it is mounted. */
function firstPropagation(wanted: readonly SetPropagation[]): 'slave' | 'private' | undefined {
  const kinds = wanted.map(({ kind }) => kind)
  if (kinds.includes('shared')) return undefined
  return kinds.includes('slave') ? 'slave' : 'private'
}

function named(names: readonly MountAttribute[]): MountAttributes {
  return Object.fromEntries(names.map((name) => [name, true]))
}

function cloneTree(
  source: string,
  { target, recursive }: { readonly target: string; readonly recursive: boolean },
): Fd {
  try {
    return openTree(source, { clone: true, recursive })
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('MOUNT_SOURCE', `Cannot mount "${source}" at "${target}": ${why}`, {
      hint: 'create it, or change the source of the mount',
      cause,
    })
  }
}

function attachTree(tree: {
  readonly fd: Fd
  readonly target: string
  readonly attributes: typeof NO_ATTRIBUTES
  readonly clear?: MountAttributes
}): Extract<PreparedMount, { kind: 'attach' }> {
  const { fd, target, attributes, clear = {} } = tree
  const isSet = Object.values(attributes).includes(true) || Object.values(clear).includes(true)
  if (isSet) mountSetattr(fd, { set: attributes, clear })
  return { kind: 'attach', target, fd, isDirectory: statFd(fd).kind === 'directory', attributes }
}

/** A tmpfs of ours that begins with what the root has at its place. */
function copyUp({ rootFd, undo }: MountInput, { options, target }: One): PreparedMount {
  const settings = options.data.map((word) => {
    const at = word.indexOf('=')
    return at < 0 ? [word, true] : [word.slice(0, at), word.slice(at + 1)]
  })
  const fd = createDetachedMount({
    type: 'tmpfs',
    options: Object.fromEntries(settings) as Record<string, string | true>,
  })
  undo.push(() => close(fd))
  makeDirectoryIn(rootFd, target, { mode: 0o755 })
  const below = openIn(rootFd, target, { flags: O.RDONLY | O.DIRECTORY })
  try {
    const [from, to] = [`/proc/self/fd/${below}`, `/proc/self/fd/${fd}`]
    for (const name of readdirSync(from)) {
      cpSync(posix.join(from, name), posix.join(to, name), {
        recursive: true,
        verbatimSymlinks: true,
        preserveTimestamps: true,
      })
    }
  } finally {
    close(below)
  }
  return attachTree({ fd, target, attributes: attributesFrom(options.set) })
}

/** In the root at once, or in a file system that the child will make, as one of its entries. */
function makePlace(input: MountInput, one: BundleMount, prepared: readonly BundleMount[]): void {
  const context = { rootFd: input.rootFd, container: input.id }
  const isFile = one.kind === 'attach' && !one.isDirectory
  try {
    if (isFile || deepestAbove(one.target, prepared)) makeTarget(one, prepared, context)
    else makeDirectoryIn(input.rootFd, one.target, { mode: 0o755 })
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause
    throw refused(one.target, `its place cannot be made: ${cause.message}`)
  }
}
