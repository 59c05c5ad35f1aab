/** Steps into a namespace and back, within one synchronous call. */

import assert from 'node:assert/strict'
import { existsSync, openSync } from 'node:fs'
import { close, type Fd } from './fd.ts'
import { check, declare, lastErrno } from './libc.ts'
import { errnoName } from './errno.ts'
import { O } from './open-flags.ts'

const setns = declare('int setns(int fd, int type)')
const unshare = declare('int unshare(int flags)')

/** CLONE_NEW* (include/uapi/linux/sched.h). */
export const CLONE_NEW: Readonly<
  Record<'time' | 'mnt' | 'cgroup' | 'uts' | 'ipc' | 'user' | 'pid' | 'net', number>
> = {
  time: 0x80,
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
}

let hasTimes: boolean | undefined

/** Linux 5.6, and CONFIG_TIME_NS. Asked once: the kernel does not change under us. */
export function hasTimeNamespaces(): boolean {
  hasTimes ??= existsSync('/proc/self/ns/time')
  return hasTimes
}

/** Namespaces that a thread of a process with several threads may change for itself alone. */
export type ThreadNamespace = 'net' | 'uts' | 'ipc'

/**
 * Runs `inside` in the namespace of `fd` (a namespace or a pidfd) and returns. Nothing else of this
 * process notices: namespaces belong to threads, and ours does nothing else before it is back.
 * `inside` has to be synchronous. If the way back is barred the process ends, as everything it
 * did from then on would hit the wrong network.
 */
export function withNamespace<T>(fd: Fd, kind: ThreadNamespace, inside: () => T): T {
  const home = openNamespace(kind)
  try {
    check(setns(fd, CLONE_NEW[kind]), { syscall: 'setns', args: [fd, kind] })
    return runAndReturn(home, kind, inside)
  } finally {
    close(home)
  }
}

/**
 * Makes a network namespace, its loopback link still down, and returns it. It lives as long as the
 * descriptor, a process in it, or a bind mount of it.
 */
export function createNetworkNamespace(): Fd {
  const home = openNamespace('net')
  try {
    check(unshare(CLONE_NEW.net), { syscall: 'unshare', args: ['CLONE_NEWNET'] })
    return runAndReturn(home, 'net', () => openNamespace('net'))
  } finally {
    close(home)
  }
}

/** A descriptor of the namespace that this thread is in. */
export function openNamespace(kind: keyof typeof CLONE_NEW): Fd {
  return openSync(`/proc/thread-self/ns/${kind}`, O.RDONLY | O.CLOEXEC)
}

function runAndReturn<T>(home: Fd, kind: ThreadNamespace, inside: () => T): T {
  try {
    const result = inside()
    assert(!(result instanceof Promise), 'What runs in another namespace has to be synchronous')
    return result
  } finally {
    if (Number(setns(home, CLONE_NEW[kind])) !== 0) {
      process.stderr.write(`Cannot return to the ${kind} namespace: ${errnoName(lastErrno())}\n`)
      process.abort()
    }
  }
}
