/** Processes by pidfd and by what /proc says: an identity that a reused pid cannot take over. */

import { readFileSync } from 'node:fs'
import { isErrno } from '../errors.ts'
import type { Fd } from './fd.ts'
import { check, declare, declareSyscall } from './libc.ts'
import { syscallNumber } from './syscalls/index.ts'

const pidfdOpenCall = declareSyscall(syscallNumber('pidfd_open'), ['int', 'unsigned int'])
const pidfdSendSignalCall = declareSyscall(syscallNumber('pidfd_send_signal'), [
  'int',
  'int',
  'void *',
  'unsigned int',
])
const pidfdGetfdCall = declareSyscall(syscallNumber('pidfd_getfd'), ['int', 'int', 'unsigned int'])

/** A descriptor of the process `pid`; ESRCH throws. It is close-on-exec. @see pidfd_open(2) */
export function pidfdOpen(pid: number): Fd {
  return check(pidfdOpenCall(pid, 0), { syscall: 'pidfd_open', args: [pid] })
}

/**
 * Signals the process of `pidfd`; 0 only asks whether it is there. ESRCH throws when it has ended.
 */
export function pidfdSendSignal(pidfd: Fd, signal: number): void {
  check(pidfdSendSignalCall(pidfd, signal, null, 0), {
    syscall: 'pidfd_send_signal',
    args: [pidfd, signal],
  })
}

/** A copy of descriptor `fd` of the process of `pidfd`. @see pidfd_getfd(2) */
export function pidfdGetfd(pidfd: Fd, fd: number): Fd {
  return check(pidfdGetfdCall(pidfd, fd, 0), { syscall: 'pidfd_getfd', args: [pidfd, fd] })
}

/**
 * When `pid` started, in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)).
 * Undefined when there is no such process, and when it has ended and was not reaped yet: a monitor
 * whose parent was killed with it may wait for long to be reaped.
 */
export function startTime(pid: number): number | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
  // The name, field 2, may hold spaces and parentheses; the last one closes it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; when it is reaped is its parent's business.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return Number(fields[22 - 3])
}

/**
 * Whether a look at a process failed because it has ended. Whatever else has failed, such as to
 * find a descriptor for it, says nothing of the process.
 */
export function isGone(error: unknown): boolean {
  if (isErrno(error, 'ENOENT', 'ESRCH')) return true
  // ESRCH when it ended between open and read.
  return error instanceof Error && 'code' in error && /^(ENOENT|ESRCH)$/.test(String(error.code))
}

const clockGettime = declare('int clock_gettime(int, _Out_ void *)')
const CLOCK_BOOTTIME = 7 // include/uapi/linux/time.h
/** USER_HZ, in which /proc counts whatever the kernel's own clock does. @see times(2) */
const TICK_MS = 10

/**
 * Milliseconds since boot, sleep included: a clock that nobody sets. The same as launch programs
 * read, and as {@link startTime} counts. @see clock_gettime(2)
 */
export function uptimeMs(): number {
  const time = Buffer.alloc(16)
  check(clockGettime(CLOCK_BOOTTIME, time), { syscall: 'clock_gettime', args: [CLOCK_BOOTTIME] })
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / 1e6
}

/** A {@link startTime} on the clock of {@link uptimeMs}, at most 10 ms before the process. */
export const uptimeAtStart = (ticks: number): number => ticks * TICK_MS

/** Whether `pid` has begun to end, or is gone: one that waits for its own children may take long. */
export function isExiting(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[9 - 3])
    return (flags & PF_EXITING) !== 0
  } catch (error) {
    if (isGone(error)) return true
    throw error
  }
}

const PF_EXITING = 0x4 // include/linux/sched.h

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/**
 * Whether the main thread of `pid` waits for signals by sigwait(3) and the like. Those that it
 * waits for are not blocked meanwhile, whatever its mask is otherwise (do_sigtimedwait in
 * kernel/signal.c). False for one that is gone.
 */
export function isAwaitingSignals(pid: number): boolean {
  try {
    // "running", or the number of the system call and its arguments: proc_pid_syscall(5).
    const [number] = readFileSync(`/proc/${pid}/syscall`, 'latin1').split(' ')
    return Number(number) === syscallNumber('rt_sigtimedwait')
  } catch {
    return false
  }
}
