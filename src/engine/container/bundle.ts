/**
 * The launch program of an OCI bundle: it makes the bundle's pid 1 and ends, so that nobody of ours
 * stands between the container and whoever asked for it.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/runtime.md
 */

import { CLONE_NEW, type Label, O, Program } from '../../linux/index.ts'
import { type BundleMounts, hidePaths, mountBundle } from './bundle-mounts.ts'
import { leaveOldRoot, writeSysctls } from './child-mounts.ts'
import {
  becomeRoot,
  DEFAULT_UMASK,
  joinGroup,
  openSession,
  openTasks,
  type ProgramDescriptors,
  type ProgramInput,
  setNames,
  setProfile,
} from './child.ts'
import { writeBundleCredentials } from './credentials.ts'
import * as kernel from './kernel.ts'
import { MESSAGE, message, MESSAGE_BYTES } from './monitor.ts'

/** Where the child says that it is, and waits until it is told to go on. */
export const POINT = {
  /** Its users are to be mapped. */
  born: 1,
  /** Everything is mounted, and the host's files are still in view. */
  mounted: 2,
  /** All is ready for its program. */
  created: 3,
} as const

/** Descriptors are the numbers that the child has. */
export interface BundleInput extends ProgramInput {
  readonly descriptors: ProgramDescriptors
  /** A FIFO from which one byte is read at each point of POINT. */
  readonly go: number
  /** CLONE_NEW* of the namespaces that are made for it; those of time and, on v1, cgroups too. */
  readonly own: number
  /** Namespaces to enter, with their flags: the pid namespace before the child is made. */
  readonly enter: readonly { readonly fd: number; readonly flag: number }[]
  /** The directory to be born into (v2); absent on v1. */
  readonly cgroupFd?: number
  /** `tasks` of every v1 hierarchy. */
  readonly tasks: readonly string[]
  /** Content of /proc/self/timens_offsets. */
  readonly timeOffsets?: string
  readonly hostname?: string
  readonly domainname?: string
  readonly personality?: number
  readonly sysctl: Readonly<Record<string, string>>
  readonly mounts: BundleMounts
  /** An empty directory of the host; covered only in the child's own namespace. */
  readonly mountPoint: string
  /** There is somebody to be waited for before the host's files go out of view. */
  readonly waitsMounted: boolean
  /** Bytes of a struct sched_attr. */
  readonly scheduler?: Buffer
  /** As ioprio_set(2) takes it. */
  readonly ioPriority?: number
}

/** The whole program. */
export function bundleProgram(input: BundleInput): Program {
  const program = new Program()
  const onError = program.failLabel({ reportFd: input.descriptors.report })
  program.call('prctl', [kernel.PR_SET_DUMPABLE, 0], { note: 'prctl(PR_SET_DUMPABLE, 0)' })
  for (const { fd, flag } of input.enter) {
    if (flag === CLONE_NEW.pid) enter(program, { fd, flag }, onError)
  }
  if ((input.own & CLONE_NEW.time) !== 0) makeTimeNamespace(program, input, onError)
  // Its own copy of this is where the child finds itself: root of a user namespace may not pass
  // the directories above it.
  program.call('chdir', [program.text(input.mountPoint)], { onError })
  const child = program.label('child')
  const started = program.bytes(message(MESSAGE.started))
  program.call('clone3', [program.bytes(cloneArguments(input), 8), kernel.CLONE_ARGS_BYTES], {
    store: started + 8,
    onZero: child,
    onError,
    note: 'clone3(container)',
  })
  program.call('write', [input.descriptors.report, started, MESSAGE_BYTES])
  program.call('exit_group', [0])
  program.place(child)
  writeChild(program, input, onError)
  return program
}

/** A child of the caller's: the signal of its end is ours, as CLONE_PARENT allows no other. */
function cloneArguments({ own, tasks, cgroupFd }: BundleInput): Buffer {
  const args = Buffer.alloc(kernel.CLONE_ARGS_BYTES)
  const intoGroup = cgroupFd === undefined ? 0n : kernel.CLONE_INTO_CGROUP
  // On v1 the cgroup namespace begins at the groups that the child has joined by itself.
  const later = CLONE_NEW.time | (tasks.length > 0 ? CLONE_NEW.cgroup : 0)
  args.writeBigUInt64LE(BigInt(own & ~later) | BigInt(kernel.CLONE_PARENT) | intoGroup, 0)
  args.writeBigUInt64LE(BigInt(cgroupFd ?? 0), 80)
  return args
}

/** The offsets count for children, and can be set while there is none. @see time_namespaces(7) */
function makeTimeNamespace(program: Program, { timeOffsets }: BundleInput, onError: Label): void {
  program.call('unshare', [CLONE_NEW.time], { onError, note: 'unshare(CLONE_NEWTIME)' })
  if (timeOffsets === undefined) return
  const file = program.word()
  program.call('openat', [kernel.AT_FDCWD, program.text(OFFSETS), O.WRONLY | O.CLOEXEC, 0], {
    onError,
    store: file,
  })
  const text = program.text(timeOffsets)
  program.call('write', [program.load(file), text, Buffer.byteLength(timeOffsets)], {
    onError,
    note: `write("${OFFSETS}", ${JSON.stringify(timeOffsets)})`,
  })
  program.call('close', [program.load(file)])
}

const OFFSETS = '/proc/self/timens_offsets'

function writeChild(program: Program, input: BundleInput, onError: Label): void {
  for (const path of input.tasks) joinGroup(program, openTasks(program, path, onError), onError)
  if ((input.own & CLONE_NEW.user) !== 0) {
    waitAt(program, input, { point: 'born', onError })
    becomeRoot(program, onError)
  }
  if (input.tasks.length > 0 && (input.own & CLONE_NEW.cgroup) !== 0) {
    program.call('unshare', [CLONE_NEW.cgroup], { onError, note: 'unshare(CLONE_NEWCGROUP)' })
  }
  enterOthers(program, input, onError)
  openSession(program, input, onError)
  const words = mountBundle(program, input.mounts, onError)
  if (input.waitsMounted) waitAt(program, input, { point: 'mounted', onError })
  enterRoot(program, input.mounts, onError)
  nameIt(program, input, onError)
  writeSysctls(program, input.sysctl, onError)
  hidePaths(program, { ...input.mounts, ...words }, onError)
  if (!input.mounts.onHost) leaveOldRoot(program, onError)
  spreadRoot(program, input.mounts, onError)
  program.call('umask', [input.process.user.umask ?? DEFAULT_UMASK])
  setProperties(program, input, onError)
  setProfile(program, input, onError)
  waitAt(program, input, { point: 'created', onError })
  writeBundleCredentials(program, input, onError)
}

function enterOthers(program: Program, input: BundleInput, onError: Label): void {
  for (const { fd, flag } of input.enter) {
    if (flag === CLONE_NEW.pid) continue
    enter(program, { fd, flag }, onError)
    // It begins at the root of the namespace.
    if (flag === CLONE_NEW.mnt) program.call('chdir', [program.text(input.mountPoint)], { onError })
  }
}

function nameIt(
  program: Program,
  { hostname = '', domainname }: BundleInput,
  onError: Label,
): void {
  if (hostname === '' && domainname === undefined) return
  setNames(program, { hostname, ...(domainname === undefined ? {} : { domainname }) }, onError)
}

function enter(
  program: Program,
  { fd, flag }: { readonly fd: number; readonly flag: number },
  onError: Label,
): void {
  const name = Object.entries(CLONE_NEW).find(([, value]) => value === flag)?.[0] ?? flag
  program.call('setns', [fd, flag], { onError, note: `setns(${name} namespace of "path")` })
}

/** The mounts of the host stay where they are when they are the container's as well. */
function enterRoot(program: Program, { root, onHost }: BundleMounts, onError: Label): void {
  program.call('fchdir', [root], { onError, note: 'fchdir(root)' })
  const here = program.text('.')
  if (onHost) program.call('chroot', [here], { onError })
  else program.call('pivot_root', [here, here], { onError })
}

function waitAt(
  program: Program,
  { descriptors, go }: BundleInput,
  { point, onError }: { readonly point: keyof typeof POINT; readonly onError: Label },
): void {
  const reached = message(MESSAGE.reached)
  reached.writeBigInt64LE(BigInt(POINT[point]), 8)
  const note = `write(report, ${point})`
  program.call('write', [descriptors.report, program.bytes(reached), MESSAGE_BYTES], {
    onError,
    note,
  })
  program.call('read', [go, program.word(), 1], { onError, note: `read(go on after ${point})` })
}

/** The root was private until now, so that none of its mounts reached the host. */
function spreadRoot(program: Program, { rootPropagation }: BundleMounts, onError: Label): void {
  if (rootPropagation === undefined) return
  const note = 'mount("/", rootfsPropagation)'
  program.call('mount', [0, program.text('/'), 0, rootPropagation, 0], { onError, note })
}

/** What else the kernel schedules it by. */
export function setProperties(
  program: Program,
  input: Pick<BundleInput, 'personality' | 'scheduler' | 'ioPriority'>,
  onError: Label,
): void {
  const { personality, scheduler, ioPriority } = input
  if (personality !== undefined) program.call('personality', [personality], { onError })
  if (scheduler !== undefined) {
    program.call('sched_setattr', [0, program.bytes(scheduler), 0], { onError })
  }
  if (ioPriority === undefined) return
  program.call('ioprio_set', [IOPRIO_WHO_PROCESS, 0, ioPriority], { onError })
}

const IOPRIO_WHO_PROCESS = 1 // include/uapi/linux/ioprio.h
