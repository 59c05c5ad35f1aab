/** User namespaces with ids of our choice, and network namespaces that belong to them. */

import { openSync, readSync, writeFileSync } from 'node:fs'
import { close, type Fd, pipe } from './fd.ts'
import { FAILURE_BYTES } from './launch/failure.ts'
import { describeFailure, parseFailure, Program, spawn, waitForExit } from './launch/index.ts'
import { CLONE_NEW } from './namespace.ts'
import { O } from './open-flags.ts'

/** Ids of our own user namespace, `first` and what follows it, that are 0 and up in another. */
export interface IdRange {
  readonly first: number
  readonly count: number
}

/** Each lives as long as its descriptor, or a process or mount in it. */
export interface UserNamespace {
  readonly users: Fd
  /** Whose owner it is: root in there may change it. */
  readonly network: Fd
}

/** Of the process that makes the namespaces. */
const READY_FD = 3
const END_FD = 4
const USERS_FD = 5

/**
 * Makes a user namespace in which users and groups 0 to `ids.count - 1` are those of `ids`, and a
 * network namespace of it, its loopback link still down. Throws what the kernel says: ENOSPC when
 * it allows no more, EPERM when it allows none, or not these ids.
 */
export function createUserNamespace(ids: IdRange): UserNamespace {
  const program = new Program()
  const onError = program.failLabel({ reportFd: READY_FD })
  program.call('unshare', [CLONE_NEW.user | CLONE_NEW.net], {
    onError,
    note: 'unshare(CLONE_NEWUSER | CLONE_NEWNET)',
  })
  return withHolder(program, {}, (pid) => {
    const line = `0 ${ids.first} ${ids.count}\n`
    // The kernel takes a map in one write, and only once.
    for (const kind of ['uid', 'gid']) writeFileSync(`/proc/${pid}/${kind}_map`, line)
    const users = openOf(pid, 'user')
    try {
      return { users, network: openOf(pid, 'net') }
    } catch (error) {
      close(users)
      throw error
    }
  })
}

/**
 * A user namespace that only serves to map the owners of mounts: lines as /proc/PID/uid_map and
 * gid_map take them.
 */
export function createMappedUsers(maps: { readonly uid: string; readonly gid: string }): Fd {
  const program = new Program()
  const onError = program.failLabel({ reportFd: READY_FD })
  program.call('unshare', [CLONE_NEW.user], { onError, note: 'unshare(CLONE_NEWUSER)' })
  return withHolder(program, {}, (pid) => {
    for (const kind of ['uid', 'gid'] as const)
      writeFileSync(`/proc/${pid}/${kind}_map`, maps[kind])
    return openOf(pid, 'user')
  })
}

/** A further network namespace whose owner is the user namespace `users`. */
export function createNetworkOf(users: Fd): Fd {
  const program = new Program()
  const onError = program.failLabel({ reportFd: READY_FD })
  program.call('setns', [USERS_FD, CLONE_NEW.user], { onError, note: 'setns(users)' })
  program.call('unshare', [CLONE_NEW.net], { onError, note: 'unshare(CLONE_NEWNET)' })
  return withHolder(program, { [USERS_FD]: users }, (pid) => openOf(pid, 'net'))
}

/**
 * Runs `program`, which makes namespaces, until `look` has taken what it wants of its process: one
 * with several threads, like ours, may not make them (unshare(2), setns(2)).
 */
function withHolder<T>(
  program: Program,
  descriptors: Readonly<Record<number, Fd>>,
  look: (pid: number) => T,
): T {
  program.call('write', [READY_FD, program.zeroed(FAILURE_BYTES), FAILURE_BYTES])
  program.call('read', [END_FD, program.zeroed(1), 1])
  program.call('exit_group', [0])
  const ready = pipe()
  const end = pipe()
  let pid: number | undefined
  try {
    const own = { [READY_FD]: ready.write, [END_FD]: end.read }
    pid = spawn(program, { title: 'tsstack: users', descriptors: { ...descriptors, ...own } })
    close(ready.write)
    const record = Buffer.alloc(FAILURE_BYTES)
    const failure = readSync(ready.read, record) > 0 ? parseFailure(record) : undefined
    if (failure) throw describeFailure(program.notes, failure)
    return look(pid)
  } finally {
    if (pid === undefined) close(ready.write)
    for (const fd of [ready.read, end.read]) close(fd)
    // It waits for this.
    close(end.write)
    if (pid !== undefined) waitForExit(pid)
  }
}

function openOf(pid: number, kind: 'user' | 'net'): Fd {
  return openSync(`/proc/${pid}/ns/${kind}`, O.RDONLY | O.CLOEXEC)
}
