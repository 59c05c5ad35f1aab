/** Turns a container's canonical spec into the OCI description that the launch code runs. */

import { hostname } from 'node:os'
import { posix } from 'node:path'
import {
  DEFAULT_CAPABILITIES,
  hasGroup,
  hasTimeNamespaces,
  hasUser,
  type IdRange,
  inUserNamespace,
} from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'
import {
  type ContainerSpec,
  type MountSpec,
  type NamespaceModes,
  valueKey,
} from '../../planner/index.ts'
import { checkCapabilities } from './check-capabilities.ts'
import type { HostDevice } from './devices.ts'
import { type HostEdits, NO_EDITS, withVariables } from './edits.ts'
import {
  DEFAULT_MOUNTS,
  DEFAULT_PATH,
  DEFAULT_RLIMITS,
  DEVICE_NODES,
  MASKED_PATHS,
  READ_ONLY_PATHS,
} from './defaults.ts'
import { readSeccompProfile } from './seccomp-file.ts'
import {
  OCI_VERSION,
  type OciConfig,
  type OciMount,
  type OciNamespace,
  type OciProcess,
  type OciRlimit,
} from './oci.ts'
import { coversSystem } from './system-mount.ts'

/** What the spec leaves open: found in the rootfs, or chosen by the engine. */
export interface DescribeContext {
  readonly name: string
  readonly cgroupsPath: string
  readonly rootPath: string
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly groups: readonly number[]
    readonly home: string
  }
  /** Ids of the host that the container's users are. Absent: the same. */
  readonly users?: IdRange | undefined
  /** Of the host, beside the default ones. */
  readonly devices?: readonly HostDevice[]
  /** What files of the host say that the container is to have. */
  readonly edits?: HostEdits
  /** What the supervisor has: nobody can be given more. */
  readonly ownCapabilities: readonly string[]
  /** The image's own settings; `host:` and `dir:` have none. */
  readonly image: {
    readonly entrypoint?: readonly string[]
    readonly command?: readonly string[]
    readonly environment?: readonly string[]
    readonly workingDir?: string
  }
}

/** Throws LAUNCH when neither the stack nor the image says what to run. */
export function describeContainer(spec: ContainerSpec, context: DescribeContext): OciConfig {
  return {
    ociVersion: OCI_VERSION,
    process: describeProcess(spec, context),
    root: { path: context.rootPath, readonly: spec.readOnly },
    hostname: spec.hostname,
    ...(spec.domainname === undefined ? {} : { domainname: spec.domainname }),
    mounts: describeMounts(spec, context),
    linux: {
      namespaces: namespaces(spec, context).map((type) => ({ type })),
      cgroupsPath: context.cgroupsPath,
      ...mappings(context),
      sysctl: spec.sysctls,
      maskedPaths: showsSystem(spec) ? [] : MASKED_PATHS,
      readonlyPaths: showsSystem(spec) ? [] : READ_ONLY_PATHS,
      seccomp: seccompOf(spec),
      devices: context.devices ?? [],
    },
  }
}

/** Throws LAUNCH for a user or group that the namespace does not have. */
function mappings({
  name,
  users,
  user,
}: DescribeContext): Pick<OciConfig['linux'], 'uidMappings' | 'gidMappings'> {
  const groups = [user.gid, ...user.groups]
  if (users === undefined) {
    const missing = hasUser(user.uid) ? groups.find((id) => !hasGroup(id)) : user.uid
    if (missing !== undefined) throw noSuchId(name, missing, 'give this user more in /etc/subuid')
    return {}
  }
  const missing = [user.uid, ...groups].find((id) => id >= users.count)
  if (missing !== undefined) throw noSuchId(name, missing, 'set userns_mode: host')
  const mapping = [{ containerID: 0, hostID: users.first, size: users.count }] as const
  return { uidMappings: mapping, gidMappings: mapping }
}

function noSuchId(name: string, id: number, cure: string): EngineError {
  const message = `Cannot run "${name}" with the id ${id}: its user namespace has no such id`
  return new EngineError('LAUNCH', message, { hint: `${cure}, or choose another "user"` })
}

function showsSystem({ privileged, systemPathsUnconfined }: ContainerSpec): boolean {
  return privileged || systemPathsUnconfined === true
}

/** A profile of the user's counts for a privileged container as well. */
function seccompOf({ seccomp, privileged }: ContainerSpec): OciConfig['linux']['seccomp'] {
  if (typeof seccomp === 'object') return readSeccompProfile(seccomp.file)
  return privileged ? 'unconfined' : seccomp
}

function describeProcess(spec: ContainerSpec, context: DescribeContext): OciProcess {
  const { edits = NO_EDITS } = context
  const { uid, gid, groups } = context.user
  return {
    terminal: spec.tty,
    user: { uid, gid, additionalGids: [...groups, ...edits.groups] },
    args: commandLine(spec, context),
    env: withVariables(environment(spec, context), edits.environment),
    cwd: spec.workingDir ?? context.image.workingDir ?? '/',
    capabilities: { bounding: capabilities(spec, context) },
    rlimits: rlimits(spec.ulimits),
    noNewPrivileges: spec.noNewPrivileges,
    ...(edits.apparmor === undefined ? {} : { apparmorProfile: edits.apparmor }),
    ...(spec.oomScoreAdj === undefined ? {} : { oomScoreAdj: spec.oomScoreAdj }),
  }
}

/** Setting the entrypoint drops the image's command. @see Compose specification, `entrypoint` */
function commandLine(spec: ContainerSpec, { name, image }: DescribeContext): readonly string[] {
  const entrypoint = spec.entrypoint ?? image.entrypoint ?? []
  const inherited = spec.entrypoint === undefined ? (image.command ?? []) : []
  const args = [...entrypoint, ...(spec.command ?? inherited)]
  if (args.length === 0 || args[0] === '') {
    throw new EngineError('LAUNCH', `Cannot start "${name}": its image says not what to run`, {
      hint: 'add "command:" to the service',
    })
  }
  return args
}

function environment(spec: ContainerSpec, { image, user }: DescribeContext): readonly string[] {
  const merged = new Map<string, string>([
    ['PATH', DEFAULT_PATH],
    ['HOSTNAME', spec.namespaces?.uts?.kind === 'host' ? hostname() : spec.hostname],
    ...(spec.tty ? ([['TERM', 'xterm']] as const) : []),
  ])
  for (const entry of image.environment ?? []) {
    const at = entry.indexOf('=')
    if (at > 0) merged.set(entry.slice(0, at), entry.slice(at + 1))
  }
  for (const [key, value] of Object.entries(spec.environment)) merged.set(key, value)
  if (!merged.has('HOME')) merged.set('HOME', user.home)
  return [...merged].map(([key, value]) => `${key}=${value}`)
}

/**
 * Docker's set, with `cap_drop` and `cap_add` applied. `ALL`, like `privileged`, stands for every
 * one that the supervisor has. Throws LAUNCH for one that is asked for by name and not to be had,
 * and for a name of none.
 */
function capabilities(
  spec: ContainerSpec,
  { name: container, ownCapabilities }: DescribeContext,
): readonly string[] {
  checkCapabilities(container, spec)
  if (spec.privileged) return ownCapabilities
  const wanted = new Set(
    spec.capAdd.includes('ALL')
      ? ownCapabilities
      : DEFAULT_CAPABILITIES.filter((name) => ownCapabilities.includes(name)),
  )
  if (spec.capDrop.includes('ALL')) wanted.clear()
  for (const name of spec.capDrop) wanted.delete(name)
  for (const name of spec.capAdd) {
    if (name === 'ALL') continue
    if (!ownCapabilities.includes(name)) throw noCapability(container, name)
    wanted.add(name)
  }
  return [...wanted]
}

function noCapability(container: string, name: string): EngineError {
  const what = `Cannot give capability "${name}" to "${container}"`
  return new EngineError('LAUNCH', `${what}: tsstack itself has not got it`, {
    hint: 'remove it from "cap_add", or run tsstack with all capabilities of root',
  })
}

function rlimits(ulimits: ContainerSpec['ulimits']): readonly OciRlimit[] {
  const asked = Object.entries(ulimits).map(([name, { soft, hard }]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: soft < 0 ? Number.POSITIVE_INFINITY : soft,
    hard: hard < 0 ? Number.POSITIVE_INFINITY : hard,
  }))
  const types = new Set(asked.map(({ type }) => type))
  return [...DEFAULT_RLIMITS.filter(({ type }) => !types.has(type)), ...asked]
}

function namespaces(spec: ContainerSpec, { users }: DescribeContext): readonly OciNamespace[] {
  const { pid, ipc, uts, cgroup } = spec.namespaces ?? {}
  const own: readonly (readonly [OciNamespace, boolean])[] = [
    ['user', users !== undefined],
    ['mount', true],
    ['pid', pid === undefined],
    ['ipc', ipc === undefined || ipc.kind === 'none'],
    ['uts', uts === undefined],
    ['cgroup', cgroup === undefined],
    ['time', hasTimeNamespaces()],
    ['network', spec.network.kind !== 'host'],
  ]
  return own.flatMap(([name, isOwn]) => (isOwn ? [name] : []))
}

/** The default mounts, then the stack's, parents before what lies below them. */
function describeMounts(
  spec: ContainerSpec,
  { name, devices = [], edits = NO_EDITS, users }: DescribeContext,
): readonly OciMount[] {
  const asked = [
    ...askedMounts(spec.mounts, users),
    ...deviceMounts(spec, devices, { areBound: users !== undefined || inUserNamespace() }),
    ...edits.mounts,
  ].sort(byDepth)
  for (const { destination } of asked) checkTarget(name, destination)
  const targets = new Set(asked.map(({ destination }) => destination))
  const covered = [
    ...(targets.has('/dev') ? ['/dev/'] : []),
    ...(coversSystem(asked) ? ['/sys/'] : []),
  ]
  const defaults = DEFAULT_MOUNTS.filter(
    ({ destination }) =>
      !targets.has(destination) && !covered.some((path) => destination.startsWith(path)),
  ).flatMap((mount) => defaultMount(spec, mount))
  // On the host's /sys the groups are mounted after it, not before.
  const isLater = ({ destination }: OciMount): boolean =>
    targets.has('/sys') && destination.startsWith('/sys/')
  const first = defaults.filter((mount) => !isLater(mount))
  const rest = [...asked, ...defaults.filter(isLater)].sort(byDepth)
  return [...first, ...rest, ...edits.views]
}

/** What the stack file asks for, parents before what lies below them. */
export function askedMounts(mounts: readonly MountSpec[], users?: IdRange): readonly OciMount[] {
  return mounts.map((mount) => mappedMount(describeMount(mount), users)).sort(byDepth)
}

/** Binds and volumes alone, as a container has them that does not run. */
export function storageMounts({ mounts }: ContainerSpec): readonly OciMount[] {
  return askedMounts(mounts.filter(({ kind }) => kind === 'bind' || kind === 'volume'))
}

/** A default mount as this container has it. */
function defaultMount(spec: ContainerSpec, mount: OciMount): readonly OciMount[] {
  const { privileged, writableCgroups, namespaces } = spec
  switch (mount.destination) {
    case '/dev/shm':
      return sharedMemory(mount, spec.shmBytes, namespaces?.ipc)
    case '/sys':
      return [privileged ? writable(mount) : mount]
    case '/sys/fs/cgroup':
      return [privileged || writableCgroups === true ? writable(mount) : mount]
    default:
      return [mount]
  }
}

function writable(mount: OciMount): OciMount {
  return { ...mount, options: mount.options.filter((word) => word !== 'ro') }
}

/** The memory of a shared IPC namespace is shared as well. @see shm_overview(7) */
function sharedMemory(
  mount: OciMount,
  bytes: number,
  ipc: NamespaceModes['ipc'],
): readonly OciMount[] {
  if (ipc === undefined) return [{ ...mount, options: [...mount.options, `size=${bytes}`] }]
  if (ipc.kind === 'none') return []
  const options = ['bind', 'rprivate', 'nosuid', 'nodev', 'noexec']
  return [{ ...mount, type: 'bind', source: '/dev/shm', options }]
}

/**
 * Nodes are made in our /dev alone; elsewhere the host's own is bound, and everywhere for a user
 * namespace, in which nobody makes one (mknod(2)).
 */
function deviceMounts(
  spec: ContainerSpec,
  devices: readonly HostDevice[],
  { areBound }: { readonly areBound: boolean },
): readonly OciMount[] {
  const hasOwnDev = !spec.mounts.some((mount) => targetOf(mount) === '/dev')
  const isMade = ({ target }: Pick<HostDevice, 'target'>): boolean =>
    hasOwnDev && !areBound && target.startsWith('/dev/')
  const byDefault = DEVICE_NODES.map(({ name }) => `/dev/${name}`)
    .filter((path) => hasOwnDev && areBound && !devices.some(({ target }) => target === path))
    .map((path) => nodeMount({ source: path, target: path }))
  return [...byDefault, ...devices.filter((device) => !isMade(device)).map(nodeMount)]
}

function nodeMount({ source, target }: Pick<HostDevice, 'source' | 'target'>): OciMount {
  return bind(source, target, ['bind', 'rprivate'])
}

/** What is bound keeps its owners on disk, and shows them as the container's. */
function mappedMount(mount: OciMount, users: IdRange | undefined): OciMount {
  if (users === undefined || mount.type !== 'bind') return mount
  const word = mount.options.includes('rbind') ? 'ridmap' : 'idmap'
  return { ...mount, options: [...mount.options, word] }
}

/**
 * Where nothing of the stack may lie: the root itself, and procfs, by which programs are confined.
 */
export function checkTarget(container: string, target: string): void {
  if (target !== '/' && target !== '/proc' && !target.startsWith('/proc/')) return
  const message = `Cannot mount at "${target}" of "${container}": nothing may be mounted there`
  throw new EngineError('LAUNCH', message, { hint: 'choose another target for the volume' })
}

/** Our word, for attributes that do not count for what is mounted below. */
export const TOP_ONLY = 'toponly'

function describeMount(mount: MountSpec): OciMount {
  switch (mount.kind) {
    case 'volume':
      return bind(mount.volume, targetOf(mount), mount.readOnly ? ['rbind', 'ro'] : ['rbind'])
    case 'bind':
      return bind(mount.source, targetOf(mount), [
        mount.recursive === 'disabled' ? 'bind' : 'rbind',
        mount.propagation ?? 'rprivate',
        ...(mount.readOnly ? ['ro'] : []),
        ...(mount.recursive === 'writable' ? [TOP_ONLY] : []),
      ])
    case 'file':
      return {
        destination: targetOf(mount),
        type: 'file',
        source: valueKey(mount),
        options: ['ro'],
      }
    case 'tmpfs':
      return {
        destination: targetOf(mount),
        type: 'tmpfs',
        source: 'tmpfs',
        options: tmpfsOptions(mount),
      }
  }
}

/** Docker's defaults for a tmpfs, which words of the stack file may take back. */
function tmpfsOptions(mount: Extract<MountSpec, { kind: 'tmpfs' }>): readonly string[] {
  return [
    ...['nosuid', 'nodev', 'noexec'].filter((word) => !mount.options.includes(word.slice(2))),
    ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
    ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    ...mount.options.filter((word) => !['exec', 'suid', 'dev'].includes(word)),
  ]
}

/** One spelling for each place: `/data/` is `/data`. */
export function targetOf({ target }: MountSpec): string {
  return posix.resolve('/', target)
}

function bind(source: string, destination: string, options: readonly string[]): OciMount {
  return { destination, type: 'bind', source, options }
}

function byDepth(left: OciMount, right: OciMount): number {
  return depthOf(left) - depthOf(right) || (left.destination < right.destination ? -1 : 1)
}

function depthOf({ destination }: OciMount): number {
  return destination.split('/').filter(Boolean).length
}
