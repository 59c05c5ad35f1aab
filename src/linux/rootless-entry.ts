/**
 * How a process of an ordinary user becomes root of namespaces of its own: a launch program that
 * enters them and executes what is given.
 */

import { readSync } from 'node:fs'
import { close, type Fd, pipe } from './fd.ts'
import { FAILURE_BYTES } from './launch/failure.ts'
import { describeFailure, parseFailure, Program, spawn } from './launch/index.ts'
import { CLONE_NEW } from './namespace.ts'

const MS_BIND = 0x1000 // include/uapi/linux/mount.h
const MS_REC = 0x4000
const MS_SLAVE = 0x80000

export interface Entry {
  readonly executable: string
  /** From argv[0] on. */
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** Of the program, by number there. */
  readonly descriptors: Readonly<Record<number, Fd>>
  readonly title: string
  /** Default true: it outlives the terminal. */
  readonly newSession?: boolean
  /** Absent: new namespaces are made. */
  readonly join?: { readonly users: Fd; readonly mounts: Fd; readonly network: Fd }
  /** Bound over another file where the program sees it. */
  readonly cover?: { readonly file: string; readonly over: string }
}

/**
 * Starts the process. `prepare` is called once its namespaces are there, with its pid, and before
 * it goes on: who it is in there is not said yet.
 */
export async function enterAsRoot(
  entry: Entry,
  prepare: (pid: number) => Promise<void>,
): Promise<number> {
  const [ready, go] = [pipe(), pipe()]
  const numbers = Object.keys(entry.descriptors).map(Number)
  const [readyFd, goFd] = [Math.max(9, ...numbers) + 1, Math.max(9, ...numbers) + 2]
  const users = entry.join
    ? {
        [goFd + 1]: entry.join.users,
        [goFd + 2]: entry.join.mounts,
        [goFd + 3]: entry.join.network,
      }
    : {}
  const program = entryProgram(entry, { ready: readyFd, go: goFd })
  try {
    const own = { [readyFd]: ready.write, [goFd]: go.read, ...users }
    const descriptors = { ...entry.descriptors, ...own }
    const pid = spawn(program, {
      title: entry.title,
      descriptors,
      newSession: entry.newSession,
    })
    close(ready.write)
    close(go.read)
    await prepareOr(program, ready.read, () => prepare(pid))
    close(go.write)
    return pid
  } finally {
    close(ready.read)
  }
}

async function prepareOr(program: Program, ready: Fd, prepare: () => Promise<void>): Promise<void> {
  const record = Buffer.alloc(FAILURE_BYTES)
  const failure = readSync(ready, record) > 0 ? parseFailure(record) : undefined
  if (failure) throw describeFailure(program.notes, failure)
  await prepare()
}

function entryProgram(entry: Entry, fds: { readonly ready: number; readonly go: number }): Program {
  const program = new Program()
  const onError = program.failLabel({ reportFd: fds.ready })
  const { user, mnt, net } = CLONE_NEW
  if (entry.join) {
    for (const [at, flags] of [user, mnt, net].entries()) {
      program.call('setns', [fds.go + 1 + at, flags], { onError, note: `setns(${flags})` })
    }
  } else {
    program.call('unshare', [user | mnt | net], {
      onError,
      note: 'unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)',
    })
  }
  program.call('write', [fds.ready, program.zeroed(FAILURE_BYTES), FAILURE_BYTES])
  // Nobody holds the other end longer than it takes to say who we are.
  program.call('read', [fds.go, program.zeroed(1), 1])
  // EPERM where one user alone is mapped: then there are no groups to be rid of.
  program.call('setgroups', [0, 0])
  program.call('setresgid', [0, 0, 0], { onError })
  program.call('setresuid', [0, 0, 0], { onError })
  if (!entry.join) {
    program.call('mount', [0, program.text('/'), 0, MS_REC | MS_SLAVE, 0], {
      onError,
      note: 'mount("/", MS_REC | MS_SLAVE)',
    })
  }
  if (entry.cover && !entry.join) {
    const { file, over } = entry.cover
    program.call('mount', [program.text(file), program.text(over), 0, MS_BIND, 0])
  }
  program.call('close_range', [fds.ready, 0xffffffff, 0])
  const strings = (list: readonly string[]): number =>
    program.pointers(list.map((text) => program.text(text)))
  program.call('execve', [program.text(entry.executable), strings(entry.args), strings(entry.env)])
  program.call('exit_group', [127])
  return program
}
