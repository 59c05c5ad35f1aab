/** Puts the launch program of a bundle together, and the descriptors that it is given. */

import { fchownSync } from 'node:fs'
import {
  type BundleInput,
  type BundleMount,
  bundleProgram,
  deepestAbove,
  findExecutable,
  makeRootReadOnly,
  resolveUser,
  type Undo,
} from '../engine/index.ts'
import { KernelError } from '../errors.ts'
import {
  type CgroupJoin,
  CLONE_NEW,
  type Fd,
  makeDirectoryIn,
  type Program,
  type Propagation,
  propagationFlag,
  statFd,
} from '../linux/index.ts'
import type { Bundle } from './bundle.ts'
import type { Console } from './console.ts'
import { openRoot, prepareBundleMounts } from './mounts.ts'
import type { Namespaces } from './namespaces.ts'
import { processParts } from './process.ts'
import type { RuntimeSpec, SpecLinux, SpecProcess } from './spec.ts'

export interface AssembleInput {
  readonly id: string
  readonly mountPoint: string
  /** Descriptors of the caller's from 3 on. */
  readonly preserved: number
  readonly namespaces: Namespaces
  readonly join: CgroupJoin
  readonly cgroups: readonly { readonly name: string; readonly directory: string }[]
  readonly console: Console | undefined
  readonly fifos: { readonly report: Fd; readonly go: Fd }
  readonly undo: Undo
}

export function assembleBundle(
  { directory, root, spec }: Bundle,
  input: AssembleInput,
): { readonly program: Program; readonly descriptors: Readonly<Record<number, Fd>> } {
  const { namespaces, console, undo } = input
  const inUsers = (namespaces.all & CLONE_NEW.user) !== 0
  const rootFd = openRoot(root, spec, undo)
  const mounts = prepareBundleMounts({
    id: input.id,
    spec,
    rootFd,
    bundle: directory,
    cgroups: input.cgroups,
    terminals: console?.terminals,
    bindsDevices: inUsers,
    undo,
  })
  // Absent: nothing can be started, which `start` says.
  const process = withHome(spec.process ?? NO_PROCESS, rootFd)
  makeWorkingDirectory(rootFd, process.cwd, mounts)
  const executable = spec.process ? executableOf(process, { rootFd, mounts }) : ''
  if (spec.root.readonly === true) makeRootReadOnly(rootFd)
  const streams = streamsOf(console)
  if (spec.process) ownStreams(streams, ownerOf(spec))
  const table = new Descriptors(streams, input)
  const program = bundleProgram({
    ...processParts(process, spec),
    // The runtime sets both from outside: from inside a user namespace they could not be raised.
    rlimits: [],
    name: input.id,
    executable,
    init: false,
    ownedStreams: [],
    outlivesParent: true,
    descriptors: table.numbers,
    go: table.go,
    mountPoint: input.mountPoint,
    ...namespaceParts(input, table),
    ...nameParts(spec),
    ...linuxParts(spec),
    mounts: {
      root: table.pass(rootFd),
      inUsers,
      onHost: (namespaces.all & CLONE_NEW.mnt) === 0,
      mounts: mounts.map((mount) =>
        mount.kind === 'attach' ? { ...mount, fd: table.pass(mount.fd) } : mount,
      ),
      hasConsole: console !== undefined,
      ...hidingParts(spec.linux),
      ...propagationParts(spec.linux),
    },
  })
  return { program, descriptors: table.passed }
}

const NO_PROCESS: SpecProcess = { cwd: '/' }

/** Whatever the root has in the place of /etc/passwd: nobody asked for it to be read. */
function homeOf(rootFd: Fd, uid: number): string {
  try {
    return resolveUser({ rootFd, user: String(uid) }).home
  } catch {
    return '/'
  }
}

/** As runc does, for programs that expect one. */
export function withHome(process: SpecProcess, rootFd: Fd): SpecProcess {
  const { env = [], user = {} } = process
  if (env.some((entry) => entry.startsWith('HOME='))) return process
  return { ...process, env: [...env, `HOME=${homeOf(rootFd, user.uid ?? 0)}`] }
}

/** Numbers of the child: the caller's, then the two FIFOs, then what does not outlive the start. */
class Descriptors {
  readonly numbers: BundleInput['descriptors']
  readonly go: number
  readonly passed: Record<number, Fd> = {}
  #next: number

  constructor(streams: readonly Fd[], { preserved, fifos }: AssembleInput) {
    for (const [number, fd] of streams.entries()) this.passed[number] = fd
    for (let number = 3; number < 3 + preserved; number += 1) this.passed[number] = number
    const report = 3 + preserved
    this.passed[report] = fifos.report
    this.go = report + 1
    this.passed[this.go] = fifos.go
    this.#next = this.go + 1
    this.numbers = { report, firstClosed: report, firstPassed: this.go }
  }

  pass(fd: Fd): number {
    const number = this.#next
    this.#next += 1
    this.passed[number] = fd
    return number
  }
}

function streamsOf(console: Console | undefined): readonly [Fd, Fd, Fd] {
  return console === undefined ? [0, 1, 2] : [console.slave, console.slave, console.slave]
}

/** Else a program of another user than root could not open /dev/stdout. */
export function ownStreams(streams: readonly Fd[], owner: number): void {
  for (const fd of new Set(streams)) {
    const { kind, uid, major } = statFd(fd)
    const isTerminal = kind === 'character' && major === PTS_MAJOR
    if ((kind === 'fifo' || isTerminal) && uid !== owner) fchownSync(fd, owner, -1)
  }
}

const PTS_MAJOR = 136 // Documentation/admin-guide/devices.txt

/** As the host counts. */
export function ownerOf({ process, linux = {} }: RuntimeSpec): number {
  const uid = process?.user?.uid ?? 0
  const mapping = linux.uidMappings?.find(
    ({ containerID, size }) => uid >= containerID && uid < containerID + size,
  )
  return mapping === undefined ? uid : mapping.hostID + uid - mapping.containerID
}

function executableOf(
  process: SpecProcess,
  { rootFd, mounts }: { readonly rootFd: Fd; readonly mounts: readonly BundleMount[] },
): string {
  return findExecutable({
    rootFd,
    mounts: mounts.filter((mount) => mount.kind === 'attach'),
    name: process.args?.[0] ?? '',
    env: process.env ?? [],
    cwd: process.cwd,
  })
}

/** Where it cannot be made, the child's chdir(2) says so. */
function makeWorkingDirectory(rootFd: Fd, path: string, mounts: readonly BundleMount[]): void {
  if (deepestAbove(path, mounts) !== undefined) return
  try {
    makeDirectoryIn(rootFd, path, { mode: 0o755 })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

function namespaceParts(
  { namespaces, join }: AssembleInput,
  table: Descriptors,
): Pick<BundleInput, 'own' | 'enter' | 'cgroupFd' | 'tasks'> {
  return {
    own: namespaces.own,
    enter: namespaces.entered.map(({ fd, flag }) => ({ fd: table.pass(fd), flag })),
    tasks: join.tasks,
    ...(join.cloneInto === undefined ? {} : { cgroupFd: table.pass(join.cloneInto) }),
  }
}

function nameParts({ hostname, domainname }: RuntimeSpec) {
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(domainname === undefined || domainname === '' ? {} : { domainname }),
  }
}

const EARLY_HOOKS = ['prestart', 'createRuntime', 'createContainer'] as const

function linuxParts({ linux = {}, hooks = {} }: RuntimeSpec) {
  return {
    sysctl: linux.sysctl ?? {},
    waitsMounted: EARLY_HOOKS.some((name) => hooks[name] !== undefined),
    ...timeParts(linux),
  }
}

function hidingParts({ maskedPaths = [], readonlyPaths = [] }: SpecLinux = {}) {
  return { maskedPaths, readonlyPaths }
}

/** @see time_namespaces(7) */
function timeParts({ timeOffsets }: SpecLinux): Pick<BundleInput, 'timeOffsets'> {
  if (timeOffsets === undefined) return {}
  const lines = Object.entries(timeOffsets).map(
    ([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`,
  )
  return lines.length === 0 ? {} : { timeOffsets: lines.join('') }
}

const MS_REC = 0x4000 // include/uapi/linux/mount.h

/** Private is what the root is anyway. */
function propagationParts({ rootfsPropagation = '' }: SpecLinux = {}) {
  const [, recursive, kind] = /^(r?)(shared|slave|unbindable)$/.exec(rootfsPropagation) ?? []
  if (kind === undefined) return {}
  const flag = propagationFlag(kind as Propagation)
  return { rootPropagation: flag | (recursive === 'r' ? MS_REC : 0) }
}
