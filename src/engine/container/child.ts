/**
 * What a container's pid 1 does between clone and exec, in an order that is itself a defence.
 * Each step is a call.
 */

import { type Label, O, type Program } from '../../linux/index.ts'
import { FD } from './descriptors.ts'
import { writeCredentials } from './credentials.ts'
import { writeProcFile } from './child-proc.ts'
import * as kernel from './kernel.ts'
import type { OciConfig, OciProcess } from './oci.ts'
import {
  type ChildMounts,
  leaveOldRoot,
  writeHiding,
  writeNullStreams,
  writeMounts,
  writeSysctls,
} from './child-mounts.ts'

interface Rlimit {
  readonly resource: number
  readonly soft: bigint
  readonly hard: bigint
}

/** What the program is executed with, in a new container and in a running one alike. */
export interface ProgramInput {
  readonly process: OciProcess
  /** Names the session keyring. */
  readonly name: string
  /** Path inside the container of the program to execute. */
  readonly executable: string
  /** Array of struct sock_filter; absent: unconfined. */
  readonly seccomp?: Buffer
  readonly capabilityMask: bigint
  readonly lastCapability: number
  readonly rlimits: readonly Rlimit[]
  /** The score to be written, when it differs from the supervisor's own. */
  readonly oomScoreAdj?: number
  /** Present in a user namespace. */
  readonly users?: {
    /** Id of the host that root in there is. */
    readonly first: number
    /** Limits above our own, which root in there could not set. */
    readonly raised: readonly Rlimit[]
  }
  /** Streams that were made for this program: its user may open them anew. */
  readonly ownedStreams: readonly number[]
  /** Our init is executed from FD.init, and it executes the program. */
  readonly init: boolean
  /** Absent: permitted and effective are the bounding set, the others are empty. */
  readonly capabilitySets?: CapabilitySets
  /** Absent: those of FD. */
  readonly descriptors?: ProgramDescriptors
  /** Nobody of ours waits for it: it does not end with its parent. */
  readonly outlivesParent?: boolean
}

/** One bit for each capability. */
export type CapabilitySets = Readonly<
  Record<'effective' | 'permitted' | 'inheritable' | 'ambient', bigint>
>

/** Numbers in a child that is handed descriptors of its caller's. */
export interface ProgramDescriptors {
  /** Where failures are reported. */
  readonly report: number
  /** The program is executed with all below this one. */
  readonly firstClosed: number
  /** None of these and above outlives the start. */
  readonly firstPassed: number
}

/** What the child itself does of it. */
export interface ChildConfig extends Pick<OciConfig, 'hostname' | 'domainname'> {
  readonly linux: Pick<OciConfig['linux'], 'namespaces' | 'sysctl'>
}

/**
 * Everything the child of a new container needs; descriptors are the numbers they have inside it.
 */
export interface ChildInput extends ProgramInput {
  readonly config: ChildConfig
  readonly mounts: ChildMounts
  /** cgroup v1: `tasks` of every hierarchy. Empty on v2, where the child is born in its group. */
  readonly tasks: readonly string[]
  /** Absent: the supervisor's own network namespace. */
  readonly netns?: number
  /** Namespaces of other containers, by pidfd and flags of setns(2). */
  /** Streams that are the container's own /dev/null. */
  readonly nullStreams: readonly number[]
  readonly enter: readonly { readonly pidfd: number; readonly flags: number }[]
}

/** Appends the child's branch; it ends in execve, or in a failure report and exit. */
export function writeChild(program: Program, input: ChildInput): void {
  const failed = program.failLabel({ reportFd: FD.fifo })
  const own = new Set(input.config.linux.namespaces.map(({ type }) => type))
  if (!own.has('user')) {
    joinGroups(program, input.tasks, failed)
    // The cgroup namespace begins at the group that was just joined.
    if (input.tasks.length > 0 && own.has('cgroup')) {
      program.call('unshare', [kernel.CLONE_NEWCGROUP], { onError: failed })
    }
  }
  if (input.netns !== undefined) {
    program.call('setns', [input.netns, kernel.CLONE_NEWNET], { onError: failed })
  }
  for (const { pidfd, flags } of input.enter) {
    program.call('setns', [pidfd, flags], { onError: failed, note: 'setns(another container)' })
  }
  if (own.has('user')) becomeRoot(program, failed)
  openSession(program, input, failed)
  const words = writeMounts(program, input.mounts, failed)
  if (own.has('uts')) setNames(program, input.config, failed)
  writeSysctls(program, input.config.linux.sysctl, failed)
  writeHiding(program, { ...input.mounts, ...words }, failed)
  leaveOldRoot(program, failed)
  writeNullStreams(program, input.nullStreams, failed)
  prepareProgram(program, input, failed)
}

/** Before anything else, so that the limits hold from the first instruction of the program. */
function joinGroups(program: Program, tasks: readonly string[], onError: Label): void {
  for (const path of tasks) joinGroup(program, openTasks(program, path, onError), onError)
}

/**
 * What the process between monitor and child does for a child in a user namespace: root in there
 * has no rights over groups, nor over limits and streams that others have made.
 */
export function writeForUsers(
  program: Program,
  input: ChildInput & { readonly mountPoint: string },
  onError: Label,
): void {
  joinGroups(program, input.tasks, onError)
  prepareOutside(program, input, onError)
  // The child finds itself there, in its own copy of the host's mounts.
  program.call('chdir', [program.text(input.mountPoint)], { onError })
}

/** The rights of the host's root are used here for the last time. */
function prepareOutside(program: Program, input: ProgramInput, onError: Label): void {
  ownStreams(program, input, onError)
  writeLimits(program, input.users?.raised ?? [], onError)
  setOomScore(program, input, onError)
}

/** The user namespace knows nobody with the ids that root has had outside. */
export function becomeRoot(program: Program, onError: Label): void {
  program.call('setgroups', [0, 0], { onError })
  program.call('setresgid', [0, 0, 0], { onError })
  program.call('setresuid', [0, 0, 0], { onError })
}

/** What is left to do once the files are those of the container. */
function prepareProgram(program: Program, input: ProgramInput, onError: Label): void {
  if (!input.users) ownStreams(program, input, onError)
  writeLimits(program, input.rlimits, onError)
  program.call('umask', [input.process.user.umask ?? DEFAULT_UMASK])
  if (!input.users) setOomScore(program, input, onError)
  setProfile(program, input, onError)
  writeCredentials(program, input, onError)
}

/**
 * The same for a program that joins a running container: its namespaces have been entered already.
 */
export function writeJoiningChild(
  program: Program,
  input: ProgramInput & {
    readonly pidfd: number
    /** Words that hold descriptors of the `tasks` of every v1 hierarchy. */
    readonly tasks: readonly number[]
  },
): void {
  const failed = program.failLabel({ reportFd: FD.fifo })
  for (const word of input.tasks) joinGroup(program, word, failed)
  program.call('setns', [input.pidfd, kernel.CLONE_NEWCGROUP], { onError: failed })
  if (input.users) {
    prepareOutside(program, input, failed)
    program.call('setns', [input.pidfd, kernel.CLONE_NEWUSER], { onError: failed })
    becomeRoot(program, failed)
  }
  // Programs of the container see this process already: none of ours may be read from it.
  program.call('close_range', [FD.firstPassed, kernel.ALL_DESCRIPTORS, 0], { onError: failed })
  openSession(program, input, failed)
  prepareProgram(program, input, failed)
}

export function openSession(
  program: Program,
  { process, name }: Pick<ProgramInput, 'process' | 'name'>,
  onError: Label,
): void {
  program.call('setsid', [])
  if (process.terminal) {
    program.call('ioctl', [0, kernel.TIOCSCTTY, 0], { onError, note: 'ioctl(tty, TIOCSCTTY)' })
  }
  // Without keyrings in the kernel (ENOSYS) there are no host keys to be kept away from.
  program.call('keyctl', [kernel.KEYCTL_JOIN_SESSION_KEYRING, program.text(`_ses.${name}`)])
}

/** Opens a `tasks` file of cgroup v1, and returns the word that holds its descriptor. */
export function openTasks(program: Program, path: string, onError: Label): number {
  const opened = program.word()
  program.call('openat', [kernel.AT_FDCWD, program.text(path), O.WRONLY | O.CLOEXEC, 0], {
    onError,
    store: opened,
    note: `open(${JSON.stringify(path)})`,
  })
  return opened
}

export function joinGroup(program: Program, tasks: number, onError: Label): void {
  program.call('write', [program.load(tasks), program.text('0'), 1], {
    onError,
    note: 'write(cgroup tasks)',
  })
  program.call('close', [program.load(tasks)])
}

/**
 * Else a program of another user than root could not open /dev/stdout. @see fixStdioPermissions in
 * runc libcontainer/init_linux.go
 */
function ownStreams(program: Program, input: ProgramInput, onError: Label): void {
  const uid = input.process.user.uid + (input.users?.first ?? 0)
  if (uid === 0) return
  for (const stream of input.ownedStreams) {
    program.call('fchown', [stream, uid, KEEP_GROUP], { onError, note: `fchown(${stream})` })
  }
}

/** chown(2): -1 does not change it; a terminal belongs to the group `tty`. */
const KEEP_GROUP = 0xffffffff

export function setNames(
  program: Program,
  config: Pick<OciConfig, 'hostname' | 'domainname'>,
  onError: Label,
): void {
  const name = program.sized(config.hostname)
  program.call('sethostname', [name.address, name.length], {
    onError,
    note: `sethostname(${JSON.stringify(config.hostname)})`,
  })
  if (config.domainname === undefined) return
  const domain = program.sized(config.domainname)
  program.call('setdomainname', [domain.address, domain.length], {
    onError,
    note: `setdomainname(${JSON.stringify(config.domainname)})`,
  })
}

export function writeLimits(
  program: Program,
  limits: ProgramInput['rlimits'],
  onError: Label,
): void {
  for (const { resource, soft, hard } of limits) {
    const limit = Buffer.alloc(16)
    limit.writeBigUInt64LE(soft, 0)
    limit.writeBigUInt64LE(hard, 8)
    const note = `prlimit64(resource ${resource}, soft ${soft}, hard ${hard})`
    program.call('prlimit64', [0, resource, program.bytes(limit), 0], { onError, note })
  }
}

export function setOomScore(
  program: Program,
  input: Pick<ProgramInput, 'oomScoreAdj'>,
  onError: Label,
): void {
  if (input.oomScoreAdj === undefined) return
  const text = String(input.oomScoreAdj)
  writeProcFile(program, { path: 'self/oom_score_adj', text }, onError)
}

export const DEFAULT_UMASK = 0o022

/** Counts from execve on. @see apparmor(7), security/apparmor/lsm.c */
export function setProfile(program: Program, { process }: ProgramInput, onError: Label): void {
  if (process.apparmorProfile === undefined) return
  const text = `exec ${process.apparmorProfile}`
  writeProcFile(program, { path: 'thread-self/attr/apparmor/exec', text }, onError)
}
