/**
 * File descriptors: pipes, copies, locks, memory files. All that are made here are close-on-exec.
 */

import { errnoName, errnoNumber } from './errno.ts'
import { check, declare, declareAsync, kernelError, lastErrno } from './libc.ts'
import { O } from './open-flags.ts'

/** A file descriptor of this process. */
export type Fd = number

const libcClose = declare('int close(int fd)')
const libcCloseAsync = declareAsync('int close(int fd)')
const libcFcntl = declare('int fcntl(int fd, int command, int argument)')
const libcPipe2 = declare('int pipe2(_Out_ int *fds, int flags)')
const libcMkfifo = declare('int mkfifo(const char *path, unsigned int mode)')
const libcFlock = declare('int flock(int fd, int operation)')
const libcFlockAsync = declareAsync('int flock(int fd, int operation)')
const libcMemfdCreate = declare('int memfd_create(const char *name, unsigned int flags)')

const F_SETFD = 2 // include/uapi/asm-generic/fcntl.h
const F_SETSIG = 10
const F_SETLEASE = 1024 // include/uapi/linux/fcntl.h
const F_DUPFD_CLOEXEC = 1030
const F_SETPIPE_SZ = 1031
const F_ADD_SEALS = 1033
const FD_CLOEXEC = 1
const F_RDLCK = 0
const F_UNLCK = 2
const SIGURG = 23
const LOCK_SH = 1 // include/uapi/asm-generic/fcntl.h
const LOCK_EX = 2
const LOCK_NB = 4
const MFD_CLOEXEC = 1 // include/uapi/linux/memfd.h
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10
const ALL_SEALS = 0xf // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE

/** Closes `fd`. EBADF throws: closing twice is our own mistake and may hit somebody else's file. */
export function close(fd: Fd): void {
  check(libcClose(fd), { syscall: 'close', args: [fd] })
}

/**
 * The same on another thread, for what may be the last reference to a mount: the end of an overlay
 * writes the whole file system of its upper layer to the disk (ovl_sync_fs).
 */
export async function closeBeside(fd: Fd): Promise<void> {
  // errno is another thread's; the descriptor is free again whatever is returned.
  await libcCloseAsync(fd)
}

/** A copy of `fd`, numbered at least `fdMin`. */
export function dup(fd: Fd, fdMin = 0): Fd {
  const call = { syscall: 'fcntl', args: [fd, 'F_DUPFD_CLOEXEC', fdMin] }
  const copy = Number(libcFcntl(fd, F_DUPFD_CLOEXEC, fdMin))
  // EINVAL: `fdMin` is no number that we may have, so that too few are left.
  if (copy < 0 && errnoName(lastErrno()) === 'EINVAL')
    throw kernelError(errnoNumber('EMFILE'), call)
  return check(copy, call)
}

/** Decides whether `fd` stays open across execve(2). */
export function setCloseOnExec(fd: Fd, isClosed: boolean): void {
  check(libcFcntl(fd, F_SETFD, isClosed ? FD_CLOEXEC : 0), {
    syscall: 'fcntl',
    args: [fd, 'F_SETFD'],
  })
}

/** A pipe; `size` in bytes is what it should hold (default of the kernel: 64 KiB). */
export function pipe(
  options: {
    readonly cloexec?: boolean | undefined
    readonly nonblocking?: boolean | undefined
    readonly size?: number | undefined
  } = {},
): { readonly read: Fd; readonly write: Fd } {
  const fds = [0, 0]
  const flags =
    ((options.cloexec ?? true) ? O.CLOEXEC : 0) | (options.nonblocking === true ? O.NONBLOCK : 0)
  check(libcPipe2(fds, flags), { syscall: 'pipe2' })
  const [read = -1, write = -1] = fds
  if (options.size !== undefined) setPipeSize(write, options.size)
  return { read, write }
}

/**
 * Asks for a pipe that holds `bytes`, and returns what it holds. The kernel rounds up to a power
 * of two;
 * EPERM (above /proc/sys/fs/pipe-max-size, or over the user's share) leaves the pipe as it is.
 */
export function setPipeSize(fd: Fd, bytes: number): number | undefined {
  const size = Number(libcFcntl(fd, F_SETPIPE_SZ, bytes))
  if (size >= 0) return size
  if (errnoName(lastErrno()) === 'EPERM') return undefined
  throw kernelError(lastErrno(), { syscall: 'fcntl', args: [fd, 'F_SETPIPE_SZ', bytes] })
}

/** Makes a named pipe; `mode` is subject to the umask. EEXIST throws. */
export function makeFifo(path: string, mode = 0o600): void {
  check(libcMkfifo(path, mode), { syscall: 'mkfifo', args: [path] })
}

/**
 * Takes the lock of the open file `fd`, without waiting; false when somebody else holds it.
 * It ends with the last copy of the descriptor, so with its holder (flock(2)).
 */
export function tryLock(fd: Fd, kind: 'exclusive' | 'shared' = 'exclusive'): boolean {
  const operation = (kind === 'exclusive' ? LOCK_EX : LOCK_SH) | LOCK_NB
  if (Number(libcFlock(fd, operation)) === 0) return true
  if (errnoName(lastErrno()) === 'EAGAIN') return false
  throw kernelError(lastErrno(), { syscall: 'flock', args: [fd] })
}

/** The same, on another thread, for whoever waits until nobody else holds it. */
export async function takeLock(fd: Fd): Promise<void> {
  // Signals are restarted, and a descriptor that is open can be locked: errno is not needed.
  check(await libcFlockAsync(fd, LOCK_EX), { syscall: 'flock', args: [fd] })
}

/**
 * True while any process of the machine has the file behind `fd` open for writing; `fd` itself has
 * to be open for reading. False as well where the file system cannot tell. A read lease, which the
 * kernel grants only for a file without writers, is taken and given back: fcntl(2), "Leases".
 */
export function isOpenForWriting(fd: Fd): boolean {
  // Who opens it in between has the kernel signal us, by SIGIO, which ends a process; SIGURG not.
  libcFcntl(fd, F_SETSIG, SIGURG)
  if (Number(libcFcntl(fd, F_SETLEASE, F_RDLCK)) < 0) return errnoName(lastErrno()) === 'EAGAIN'
  libcFcntl(fd, F_SETLEASE, F_UNLCK)
  return false
}

let memfdExecFlag = MFD_EXEC

/** An anonymous file in memory that may be executed and sealed. @see memfd_create(2) */
export function memfd(name: string): Fd {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | memfdExecFlag
  const fd = Number(libcMemfdCreate(name, flags))
  if (fd >= 0) return fd
  if (errnoName(lastErrno()) === 'EINVAL' && memfdExecFlag !== 0) {
    memfdExecFlag = 0 // MFD_EXEC is known since Linux 6.3; before, every memfd may be executed.
    return memfd(name)
  }
  throw kernelError(lastErrno(), { syscall: 'memfd_create', args: [name] })
}

/** Makes the memory file `fd` unchangeable for good. */
export function seal(fd: Fd): void {
  check(libcFcntl(fd, F_ADD_SEALS, ALL_SEALS), { syscall: 'fcntl', args: [fd, 'F_ADD_SEALS'] })
}
