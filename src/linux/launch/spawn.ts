/** Runs a launch program with exactly the descriptors it is given, and reaps it. */

import { tmpdir } from 'node:os'
import { isErrno } from '../../errors.ts'
import { close, dup } from '../fd.ts'
import { declare, declareAsync, kernelError, lastErrno } from '../libc.ts'
import { crashOperation, isCounting } from '../crash-point.ts'
import { fileExecutable, memoryExecutable, type Executable } from './executable.ts'
import type { LaunchProgram } from './filled.ts'

const POSIX_SPAWN =
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)'
const posixSpawn = declare(POSIX_SPAWN)
const posixSpawnAsync = declareAsync(POSIX_SPAWN)
const actionsInit = declare('int posix_spawn_file_actions_init(void *actions)')
const actionsDestroy = declare('int posix_spawn_file_actions_destroy(void *actions)')
const actionsDup2 = declare(
  'int posix_spawn_file_actions_adddup2(void *actions, int fd, int newFd)',
)
const attributesInit = declare('int posix_spawnattr_init(void *attributes)')
const attributesFlags = declare('int posix_spawnattr_setflags(void *attributes, short flags)')
const attributesDefault = declare('int posix_spawnattr_setsigdefault(void *attributes, void *set)')
const attributesMask = declare('int posix_spawnattr_setsigmask(void *attributes, void *set)')
const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)')
const waitpidAsync = declareAsync('int waitpid(int pid, _Out_ int *status, int options)')
const closeRange = declare('int close_range(unsigned int first, unsigned int last, int flags)')

/** Larger than posix_spawnattr_t and posix_spawn_file_actions_t of glibc and musl. */
const OPAQUE_BYTES = 512
const SIGNAL_SET_BYTES = 128 // sizeof(sigset_t)
const POSIX_SPAWN_SETSIGDEF = 0x04 // spawn.h
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
const WNOHANG = 1
const CLOSE_RANGE_CLOEXEC = 4 // include/uapi/linux/close_range.h
const HIGHEST_FD = 0xffffffff

/** How to run a program. */
export interface SpawnOptions {
  /** argv[0], which `ps` shows. */
  readonly title: string
  /** Descriptors of the child by number there; nothing else is open in it. */
  readonly descriptors?: Readonly<Record<number, number>> | undefined
  /** Starts a new session; default true. */
  readonly newSession?: boolean | undefined
  /**
   * Where the program is put as a file when a memfd cannot be executed; default: the temporary
   * directory.
   */
  readonly fallbackDirectory?: string | undefined
}

/**
 * Starts `program` and returns its pid. Signals are at their defaults, none is blocked, the
 * environment is empty. The caller is its parent and has to {@link reap} it.
 * Costs 0.2 ms whatever the size of our heap: posix_spawn(3) shares memory until execve.
 */
export function spawn(program: LaunchProgram, options: SpawnOptions): number {
  const image = prepare(program)
  try {
    return run(memoryExecutable('tsstack', image, lowestFree(options)), options)
  } catch (error) {
    if (!isForbidden(error)) throw error
    return run(fileExecutable(options.fallbackDirectory ?? tmpdir(), image), options)
  }
}

/**
 * The same on a thread of the pool, beside what this one goes on to do: it would stand still until
 * the child has executed, which takes its time while all processors are busy.
 */
export async function spawnBeside(program: LaunchProgram, options: SpawnOptions): Promise<number> {
  // A point of a crash is one of this thread.
  if (isCounting) return spawn(program, options)
  const image = prepare(program)
  try {
    return await runBeside(memoryExecutable('tsstack', image, lowestFree(options)), options)
  } catch (error) {
    if (!isForbidden(error)) throw error
    return runBeside(fileExecutable(options.fallbackDirectory ?? tmpdir(), image), options)
  }
}

function prepare(program: LaunchProgram): Buffer {
  if (isCounting) program.crashAt(crashOperation(program.length, (at) => program.noteOf(at)))
  // What others left open without close-on-exec must not reach the child.
  closeRange(0, HIGHEST_FD, CLOSE_RANGE_CLOEXEC)
  return program.image()
}

/** Above all that the child is given. */
function lowestFree({ descriptors = {} }: SpawnOptions): number {
  return Math.max(-1, ...Object.keys(descriptors).map(Number)) + 1
}

/** How a child ended. `status` is the raw word of wait4(2). */
export type WaitResult =
  | { readonly kind: 'running' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'exited'; readonly code: number; readonly status: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly status: number }

/** Looks, without waiting, whether our child `pid` has ended, and releases its process entry. */
export function reap(pid: number): WaitResult {
  return wait(pid, WNOHANG)
}

/**
 * Waits for our child `pid`; blocks this thread. Meant for programs that end within milliseconds.
 */
export function waitForExit(pid: number): WaitResult {
  return wait(pid, 0)
}

/** The same for one that may take its time: other work goes on. */
export async function childEnd(pid: number): Promise<WaitResult> {
  const status = [0]
  const result = await waitpidAsync(pid, status, 0)
  // errno is another thread's; nobody but us reaps our children, and no signal handler is in C.
  return result > 0 ? decodeWaitStatus(status[0] ?? 0) : { kind: 'gone' }
}

/** Reaps those of `pids` that have ended, and returns the pids that still run. */
export function reapChildren(pids: Iterable<number>): number[] {
  return [...pids].filter((pid) => reap(pid).kind === 'running')
}

/** Reads the status word of wait4(2). */
export function decodeWaitStatus(status: number): WaitResult {
  const signal = status & 0x7f
  if (signal === 0) return { kind: 'exited', code: (status >> 8) & 0xff, status }
  return { kind: 'signaled', signal, status }
}

function wait(pid: number, flags: number): WaitResult {
  const status = [0]
  const result = waitpid(pid, status, flags)
  if (result === 0) return { kind: 'running' }
  if (result > 0) return decodeWaitStatus(status[0] ?? 0)
  if (lastErrno() === ECHILD) return { kind: 'gone' }
  if (lastErrno() === EINTR) return wait(pid, flags)
  throw kernelError(lastErrno(), { syscall: 'waitpid', args: [pid] })
}

const ECHILD = 10
const EINTR = 4

function isForbidden(error: unknown): boolean {
  return isErrno(error, 'EACCES', 'EPERM')
}

function run(executable: Executable, options: SpawnOptions): number {
  const { words, pidOf, release } = spawnCall(executable, options)
  try {
    return pidOf(Number(posixSpawn(...words)))
  } finally {
    release()
  }
}

async function runBeside(executable: Executable, options: SpawnOptions): Promise<number> {
  const { words, pidOf, release } = spawnCall(executable, options)
  try {
    return pidOf(Number(await posixSpawnAsync(...words)))
  } finally {
    release()
  }
}

/** The arguments of posix_spawn(3), what its result means, and what is to be done after it. */
function spawnCall(
  executable: Executable,
  options: SpawnOptions,
): {
  readonly words: readonly unknown[]
  readonly pidOf: (errno: number) => number
  readonly release: () => void
} {
  const copies: number[] = []
  const actions = Buffer.alloc(OPAQUE_BYTES)
  actionsInit(actions)
  const release = (): void => {
    actionsDestroy(actions)
    for (const copy of copies) close(copy)
    executable.release()
  }
  try {
    addDescriptors(actions, options, copies)
  } catch (error) {
    release()
    throw error
  }
  const pid = [0]
  const attributes = spawnAttributes(options.newSession ?? true)
  return {
    words: [pid, executable.path, actions, attributes, [options.title, null], [null]],
    pidOf: (errno) => {
      if (errno === 0) return pid[0] ?? 0
      throw kernelError(errno, { syscall: 'posix_spawn', args: [options.title] })
    },
    release,
  }
}

function addDescriptors(actions: Buffer, options: SpawnOptions, copies: number[]): void {
  const descriptors = Object.entries(options.descriptors ?? {}).map(
    ([childFd, parentFd]) => [Number(childFd), parentFd] as const,
  )
  const targets = descriptors.map(([fd]) => fd)
  for (const [childFd, parentFd] of descriptors) {
    const source = sourceFor({ childFd, parentFd, targets, copies })
    // dup2 of a number on itself clears close-on-exec here (glibc 2.29, musl 1.1.24).
    actionsDup2(actions, source, childFd)
  }
}

/**
 * The number to copy from: a copy above all targets where an earlier dup2 would have replaced it.
 */
function sourceFor(wanted: {
  readonly childFd: number
  readonly parentFd: number
  readonly targets: readonly number[]
  readonly copies: number[]
}): number {
  const { childFd, parentFd, targets, copies } = wanted
  if (parentFd === childFd || !targets.includes(parentFd)) return parentFd
  const copy = dup(parentFd, Math.max(...targets) + 1)
  copies.push(copy)
  return copy
}

const attributeCache = new Map<boolean, Buffer>()

function spawnAttributes(newSession: boolean): Buffer {
  const known = attributeCache.get(newSession)
  if (known) return known
  const attributes = Buffer.alloc(OPAQUE_BYTES)
  attributesInit(attributes)
  attributesDefault(attributes, Buffer.alloc(SIGNAL_SET_BYTES, 0xff))
  attributesMask(attributes, Buffer.alloc(SIGNAL_SET_BYTES))
  const session = newSession ? POSIX_SPAWN_SETSID : 0
  attributesFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | session)
  attributeCache.set(newSession, attributes)
  return attributes
}
