/** Network namespaces as descriptors. unshare(2), setns(2) */

import { closeSync, openSync } from 'node:fs'
import { check, declare } from '../libc.ts'

const unshare = declare('int unshare(int)')
const setns = declare('int setns(int, int)')
const CLONE_NEWNET = 0x40000000
const THREAD_NAMESPACE = '/proc/thread-self/ns/net'

/** A new network namespace, held by the returned descriptor alone: closed, it is gone. */
export function createNetworkNamespace(): number {
  const home = openSync(THREAD_NAMESPACE, 'r')
  try {
    check(unshare(CLONE_NEWNET), { syscall: 'unshare', args: ['CLONE_NEWNET'] })
    const created = openSync(THREAD_NAMESPACE, 'r')
    enter(home)
    return created
  } finally {
    closeSync(home)
  }
}

/**
 * Runs `work` with the thread in the network namespace of `fd`. `work` has to be synchronous:
 * after it the thread is back, and what it opened stays in that namespace.
 */
export function withNetworkNamespace<T>(fd: number, work: () => T): T {
  const home = openSync(THREAD_NAMESPACE, 'r')
  try {
    enter(fd)
    try {
      return work()
    } finally {
      enter(home)
    }
  } finally {
    closeSync(home)
  }
}

function enter(fd: number): void {
  check(setns(fd, CLONE_NEWNET), { syscall: 'setns', args: [fd, 'CLONE_NEWNET'] })
}
