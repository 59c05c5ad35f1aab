/**
 * Builds what a start hands to the kernel: the detached root with its mounts, and the launch
 * program.
 */

import { lstatSync, openSync, readdirSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import {
  type Cgroup,
  type CgroupJoin,
  close,
  type Fd,
  inUserNamespace,
  type LaunchProgram,
  type Program,
  sealedMemfd,
} from '../../linux/index.ts'
import type { ContainerSpec } from '../../planner/index.ts'
import type { Gate } from '../cdi/hooks.ts'
import { openAnchor } from './anchor.ts'
import { describeContainer, targetOf } from './describe.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import { rootMountPoint } from '../paths.ts'
import type { AttemptRecord, ContainerRecord } from '../records/container.ts'
import { findExecutable, makeRootReadOnly, type Rootfs } from '../rootfs/index.ts'
import { resolveSources } from './volume-mounts.ts'
import type { Undo } from '../undo.ts'
import type { Users } from '../users/open.ts'
import { type ChildMounts, fileEntryName } from './child-mounts.ts'
import type { HostDevice } from './devices.ts'
import type { HostEdits } from './edits.ts'
import { fileContents } from './file-contents.ts'
import { ownNamespaceFlags, type SharedNamespaces, sharedNamespaces } from './shared-namespaces.ts'
import { coversSystem } from './system-mount.ts'
import { DescriptorTable, FD } from './descriptors.ts'
import { initProgram } from './init.ts'
import { type MonitorInput, monitorProgram } from './monitor.ts'
import type { BetweenInput } from './monitor-users.ts'
import { type ChildInput, writeChild, writeForUsers } from './child.ts'
import { prepareMounts, type PreparedMount, realTarget } from './mounts.ts'
import type { OciConfig } from './oci.ts'
import { signalNumber } from './stop.ts'
import { checkSysctls } from './sysctls.ts'
import type { Output } from './output.ts'
import { ownCapabilities } from './limits.ts'
import { blanksOfNew, cachedProgram } from './program-cache.ts'
import { programInput } from './program-input.ts'

export interface AssembleInput {
  readonly container: LiveContainer
  readonly rootfs: Rootfs
  readonly cgroup: Cgroup
  readonly join: CgroupJoin
  readonly netns: Fd | undefined
  readonly users: Users | undefined
  readonly output: Output
  readonly devices: readonly HostDevice[]
  readonly edits: HostEdits
  /** Present when hooks of its devices are to be run. */
  readonly gate?: Gate | undefined
  readonly reports: { readonly status: Fd }
  readonly undo: Undo
}

/** What a launch needs: the program, and which of our descriptors it is given. */
export interface Assembly {
  readonly program: LaunchProgram
  /** The program of the container, and its arguments. */
  readonly words: readonly string[]
  readonly places: AttemptRecord['places']
  /** Complete once the FIFO is open. */
  readonly descriptors: (fifo: Fd) => Readonly<Record<number, Fd>>
}

export function assemble(machine: Machine, input: AssembleInput): Assembly {
  const { rootfs, undo } = input
  const { record } = input.container
  const shared = sharedNamespaces(machine, record, undo)
  const hasTerminal = input.output.terminals !== undefined
  const config = describe(input, { rootfs, hasTerminal })
  checkSysctls(record.name, config)
  // Refused now: a container whose signal nobody knows could not be stopped.
  signalNumber(record.spec.stopSignal)
  const mounts = mountsOf(machine, input, { config, shared })
  const places = placesOf(record, mounts, rootfs.fd)
  const executable = findExecutable({
    rootFd: rootfs.fd,
    mounts: mounts.filter((mount) => mount.kind === 'attach'),
    name: config.process.args[0] ?? '',
    env: config.process.env,
    cwd: config.process.cwd,
  })
  // The last change of the root: from now on it has other owners, with whom we could make nothing.
  const root = input.users === undefined ? rootfs.fd : rootfs.mapped(input.users)
  if (config.root.readonly && input.gate === undefined) makeRootReadOnly(root)
  const isAnchored = record.oneOff?.attached === true
  const init = isAnchored ? openAnchor(undo) : openInit(record.spec, { config, executable, undo })
  const nullStreams = nullStreamsOf(input.output)
  const table = tableOf(input, { init, root })
  const { hostname, domainname, linux } = config
  const child: ChildInput = {
    config: {
      hostname,
      ...(domainname === undefined ? {} : { domainname }),
      linux: { namespaces: linux.namespaces, sysctl: linux.sysctl },
    },
    ...programInput(config, {
      name: record.name,
      executable,
      init: init !== undefined,
      ownedStreams: STREAMS.filter((stream) => !nullStreams.includes(stream)),
    }),
    nullStreams,
    mounts: {
      ...childMounts(machine, { config, rootfs, mounts, table }),
      ...gateOf(input, config, table),
      hasConsole: hasTerminal,
      inUsers: input.users !== undefined || inUserNamespace(),
    },
    tasks: input.join.tasks,
    ...(input.netns === undefined ? {} : { netns: table.pass(input.netns) }),
    enter: shared.child.map(({ pidfd, flags }) => ({ pidfd: table.pass(pidfd), flags })),
  }
  const monitor = monitorOf(machine, input, { config, shared, table, child })
  const launch = { child, monitor }
  const write = (kind: typeof launch): Program =>
    monitorProgram(kind.monitor, (draft) => writeChild(draft, kind.child))
  // A program that holds secrets is not kept.
  const isSecret = mounts.some(({ kind }) => kind === 'file')
  const program = isSecret ? write(launch) : cachedProgram(launch, write, blanksOfNew)
  const words = config.process.args
  return { program, descriptors: (fifo) => table.passed(fifo), words, places }
}

/** Of mounts whose targets lead through links of the image: hardly any. */
function placesOf(
  { spec }: ContainerRecord,
  mounts: readonly PreparedMount[],
  rootFd: Fd,
): AttemptRecord['places'] {
  const direct = new Set(mounts.map(({ target }) => target))
  const led = spec.mounts.map(targetOf).filter((target) => !direct.has(target))
  if (led.length === 0) return undefined
  return Object.fromEntries(led.map((target) => [target, realTarget(rootFd, target)]))
}

function gateOf(
  { gate }: AssembleInput,
  { root }: OciConfig,
  table: DescriptorTable,
): Pick<ChildMounts, 'gate'> {
  if (gate === undefined) return {}
  const { ready, go } = gate.child
  return { gate: { ready: table.pass(ready), go: table.pass(go), readOnly: root.readonly } }
}

function monitorOf(
  machine: Machine,
  { join, users, output, container }: AssembleInput,
  made: {
    readonly config: OciConfig
    readonly shared: SharedNamespaces
    readonly table: DescriptorTable
    readonly child: ChildInput
  },
): MonitorInput {
  const { config, shared, table } = made
  return {
    cloneFlags: ownNamespaceFlags(config, {
      bornInGroup: join.tasks.length === 0 || users !== undefined,
    }),
    keepsStatus: true,
    keepsInput: output.input !== undefined,
    keepsRoot: true,
    ...(output.mover ? { mover: { title: `tsstack: log ${container.record.name}` } } : {}),
    ...(users === undefined
      ? enterings(shared, table)
      : { users: between(machine, { users, ...made }) }),
    ...(join.cloneInto === undefined ? {} : { cgroupFd: table.pass(join.cloneInto) }),
  }
}

function mountsOf(
  machine: Machine,
  input: AssembleInput,
  { config, shared }: { readonly config: OciConfig; readonly shared: SharedNamespaces },
): readonly PreparedMount[] {
  const { rootfs, undo, users } = input
  const { record } = input.container
  const trees = new Map(heldTrees(shared, input.output))
  return prepareMounts(
    resolveSources(machine, {
      container: input.container,
      mounts: config.mounts,
      rootFd: rootfs.fd,
      trees,
      undo,
    }),
    {
      container: record.name,
      rootFd: rootfs.fd,
      workingDir: config.process.cwd,
      cgroups: input.cgroup.places(),
      devices: users || inUserNamespace() ? 'bound' : input.devices,
      users: users?.fd,
      trees,
      hasConsole: input.output.terminals !== undefined,
      files: fileContents(machine, record),
      undo,
    },
  )
}

function containerCgroupPath({ container }: AssembleInput): string {
  return `/${container.record.stack}/${container.record.name}`
}

function describe(
  input: AssembleInput,
  { rootfs, hasTerminal }: { readonly rootfs: Rootfs; readonly hasTerminal: boolean },
): OciConfig {
  const { record, own } = input.container
  return describeContainer(
    { ...record.spec, tty: hasTerminal },
    {
      name: record.name,
      devices: input.devices,
      edits: input.edits,
      cgroupsPath: containerCgroupPath(input),
      rootPath: own.directory,
      user: rootfs.user,
      image: rootfs.image,
      ownCapabilities: ownCapabilities(),
      users: input.users?.ids,
    },
  )
}

function isInUsers({ linux }: OciConfig): boolean {
  return linux.uidMappings !== undefined
}

function tableOf(
  { output, reports: { status } }: AssembleInput,
  own: { readonly init: Fd | undefined; readonly root: Fd },
): DescriptorTable {
  const { input, mover } = output
  return new DescriptorTable({ stdio: stdioOf(output), input, status, mover, ...own })
}

const STREAMS = [0, 1, 2] as const

/** Nobody's stream is the container's own /dev/null, which the child opens. */
function nullStreamsOf({ stdin, written }: Output): readonly number[] {
  return [...(stdin === undefined ? [0] : []), ...(written === undefined ? [1, 2] : [])]
}

function stdioOf({ stdin, written }: Output): readonly [Fd, Fd, Fd] {
  const none = placeholder()
  return [stdin ?? none, written?.stdout ?? none, written?.stderr ?? none]
}

function heldTrees({ trees }: SharedNamespaces, { terminals }: Output): ReadonlyMap<string, Fd> {
  return terminals === undefined ? trees : new Map([...trees, ['/dev/pts', terminals]])
}

/** What the monitor enters for its child, and to where it returns. */
function enterings(
  { monitor }: SharedNamespaces,
  table: DescriptorTable,
): Pick<MonitorInput, 'enter' | 'home'> {
  if (monitor === undefined) return {}
  const { pidfd, flags, home } = monitor
  return { enter: { pidfd: table.pass(pidfd), flags }, home: table.pass(home) }
}

/** What happens between monitor and child where they have different users. */
function between(
  machine: Machine,
  input: {
    readonly users: Users
    readonly shared: SharedNamespaces
    readonly table: DescriptorTable
    readonly child: ChildInput
  },
): BetweenInput {
  const { users, shared, table, child } = input
  const { enter } = enterings(shared, table)
  const mountPoint = rootMountPoint(machine.paths)
  return {
    fd: table.pass(users.fd),
    ...(enter === undefined ? {} : { enter }),
    prepare: (program, onError) => writeForUsers(program, { ...child, mountPoint }, onError),
  }
}

let nullFd: Fd | undefined

/**
 * Holds the place of a stream that nobody provides, so that no descriptor of the child's becomes
 * its number; the child opens its own.
 */
function placeholder(): Fd {
  nullFd ??= openSync('/dev/null', 'r')
  return nullFd
}

function openInit(
  { init }: ContainerSpec,
  input: { readonly config: OciConfig; readonly executable: string; readonly undo: Undo },
): Fd | undefined {
  if (!init) return undefined
  const { config, executable, undo } = input
  const { args, env } = config.process
  const fd = sealedMemfd('tsstack-init', initProgram({ executable, args, env }).image())
  undo.push(() => close(fd))
  return fd
}

function childMounts(
  machine: Machine,
  input: {
    readonly config: OciConfig
    readonly rootfs: Rootfs
    readonly mounts: readonly PreparedMount[]
    readonly table: DescriptorTable
  },
): Omit<ChildMounts, 'gate' | 'hasConsole' | 'inUsers'> {
  const { config, rootfs, table } = input
  return {
    root: FD.root,
    mountPoint: isInUsers(config) ? '' : rootMountPoint(machine.paths),
    mounts: input.mounts.map((mount) =>
      mount.kind === 'attach' ? { ...mount, fd: table.pass(mount.fd) } : mount,
    ),
    files: input.mounts.flatMap((mount) =>
      mount.kind === 'file' ? [copyOf(mount, table.pass(mount.fd))] : [],
    ),
    etc: {
      ...rootfs.etc,
      readOnly: config.root.readonly,
      sharesMounts: config.mounts.some(({ options }) =>
        options.some((word) => word === 'shared' || word === 'rshared'),
      ),
    },
    masked: maskedPaths(config),
    readOnly: config.linux.readonlyPaths.filter((path) => kindOf(path) !== 'absent'),
  }
}

function copyOf(
  { target, content }: Extract<PreparedMount, { kind: 'file' }>,
  from: number,
): ChildMounts['files'][number] {
  const { mode, uid, gid, bytes } = content
  const path = fileEntryName(target)
  return { kind: 'copy', path, mode, uid, gid, from, bytes: bytes.length }
}

const knownPaths = new Map<string, 'absent' | 'file' | 'directory'>()

/**
 * The same kernel serves both sides: what the host's procfs and sysfs lack, the container's lack
 * too.
 */
function kindOf(path: string): 'absent' | 'file' | 'directory' {
  const known = knownPaths.get(path)
  if (known) return known
  const stat = lstatSync(path, { throwIfNoEntry: false })
  const directoryOrFile = stat?.isDirectory() ? 'directory' : 'file'
  const kind = stat ? directoryOrFile : 'absent'
  knownPaths.set(path, kind)
  return kind
}

function maskedPaths({ linux, mounts }: OciConfig): ChildMounts['masked'] {
  if (linux.maskedPaths.length === 0) return []
  const paths = [...linux.maskedPaths, ...thermalThrottlePaths()]
  const shown = coversSystem(mounts) ? paths.filter((path) => !path.startsWith('/sys/')) : paths
  return shown
    .filter((path) => kindOf(path) !== 'absent')
    .map((path) => ({ path, isDirectory: kindOf(path) === 'directory' }))
}

const CPU_DIRECTORY = '/sys/devices/system/cpu'

let thermalThrottle: readonly string[] | undefined

function thermalThrottlePaths(): readonly string[] {
  thermalThrottle ??= readdirSync(CPU_DIRECTORY)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => joinPath(CPU_DIRECTORY, name, 'thermal_throttle'))
  return thermalThrottle
}
