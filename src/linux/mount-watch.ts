/**
 * Tells that something was mounted or unmounted in somebody's mount namespace. The kernel says so
 * to whoever polls a mountinfo (proc_pid_mountinfo(5)), which node cannot, and sends no signal for
 * it: a launch program of a few KiB waits for all of them, and writes to a pipe.
 */

import { closeSync, openSync, readSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { isErrno } from '../errors.ts'
import { hasCode } from './cgroup/files.ts'
import { close, type Fd, pipe } from './fd.ts'
import { Program, spawn, waitForExit } from './launch/index.ts'
import { check, declare } from './libc.ts'
import { signalReadable } from './readable-signal.ts'
import { ARCHITECTURE } from './syscalls/index.ts'

const epollCreate = declare('int epoll_create1(int flags)')
const epollCtl = declare('int epoll_ctl(int epoll, int operation, int fd, void *event)')

const EPOLL_CLOEXEC = 0o2000000 // include/uapi/linux/eventpoll.h
const EPOLL_CTL_ADD = 1
const EPOLLPRI = 2
/** struct epoll_event is packed on x86-64 alone; `data` are its last eight bytes. */
const EVENT_BYTES = ARCHITECTURE === 'x64' ? 12 : 16
/** Told at a time. */
const EVENTS_MAX = 30
/** A count, and as many events as there can be. */
const MESSAGE_BYTES = 8 + EVENTS_MAX * EVENT_BYTES
/** Whoever mounts without end is told of this often at most: a short sleep after each message. */
const PAUSE_NS = 50_000_000
const PROGRAM_FD = { epoll: 3, pipe: 4 } as const

export interface MountWatch extends Disposable {
  /**
   * Watches the mounts that the process `pid` sees, in the name of `owner`, of which it watches one
   * process at a time. It holds the namespace until {@link remove}. False when it cannot be
   * watched: it is gone, or descriptors are used up.
   */
  add(pid: number, owner: string): boolean
  remove(owner: string): void
}

/** Undefined where signals do not arrive: in a worker thread. */
export function watchMounts(onChange: (owner: string) => void): MountWatch | undefined {
  return isMainThread ? new Watch(onChange) : undefined
}

class Watch implements MountWatch {
  readonly #onChange: (owner: string) => void
  readonly #fds = new Map<string, Fd>()
  readonly #owners = new Map<Fd, string>()
  /** Present while there is something to be watched. */
  #waiting: Waiting | undefined

  constructor(onChange: (owner: string) => void) {
    this.#onChange = onChange
  }

  add(pid: number, owner: string): boolean {
    this.remove(owner)
    const fd = openMounts(pid)
    if (fd === undefined) return false
    try {
      this.#waiting ??= startWaiting((changed) => this.#tell(changed))
      watch(this.#waiting.epoll, fd, EPOLLPRI)
    } catch (error) {
      closeSync(fd)
      // fs.epoll.max_user_watches, and descriptors.
      if (isErrno(error, 'ENOSPC', 'EMFILE', 'ENFILE')) return false
      throw error
    }
    this.#fds.set(owner, fd)
    this.#owners.set(fd, owner)
    return true
  }

  remove(owner: string): void {
    const fd = this.#fds.get(owner)
    if (fd === undefined) return
    this.#fds.delete(owner)
    this.#owners.delete(fd)
    // The kernel forgets a file that nobody has open: epoll(7).
    closeSync(fd)
    if (this.#fds.size === 0) this.#end()
  }

  [Symbol.dispose](): void {
    for (const owner of this.#fds.keys()) this.remove(owner)
    this.#end()
  }

  /** Undefined: who waited for them is gone, and anything may have changed. */
  #tell(changed: readonly Fd[] | undefined): void {
    const owners = changed?.flatMap((fd) => this.#owners.get(fd) ?? []) ?? [...this.#fds.keys()]
    if (changed === undefined) this.#startAgain()
    for (const owner of owners) this.#onChange(owner)
  }

  #startAgain(): void {
    this.#end()
    if (this.#fds.size === 0) return
    this.#waiting = startWaiting((changed) => this.#tell(changed))
    for (const fd of this.#fds.values()) watch(this.#waiting.epoll, fd, EPOLLPRI)
  }

  #end(): void {
    this.#waiting?.[Symbol.dispose]()
    this.#waiting = undefined
  }
}

function openMounts(pid: number): Fd | undefined {
  try {
    return openSync(`/proc/${pid}/mountinfo`, 'r')
  } catch {
    return undefined
  }
}

interface Waiting extends Disposable {
  readonly epoll: Fd
}

function startWaiting(tell: (changed: readonly Fd[] | undefined) => void): Waiting {
  const epoll = check(epollCreate(EPOLL_CLOEXEC), { syscall: 'epoll_create1', args: [] })
  const { read, write } = pipe()
  // It ends with us: a pipe that nobody reads is an event, whatever is asked for.
  watch(epoll, write, 0)
  let pid = 0
  try {
    const descriptors = { [PROGRAM_FD.epoll]: epoll, [PROGRAM_FD.pipe]: write }
    pid = spawn(waitProgram(), { title: 'tsstack: mounts', descriptors })
  } catch (error) {
    for (const fd of [epoll, read]) close(fd)
    throw error
  } finally {
    close(write)
  }
  const signal = signalReadable([read], () => {
    const { changed, isEnded } = drain(read)
    if (isEnded) tell(undefined)
    else if (changed.length > 0) tell(changed)
  })
  return {
    epoll,
    [Symbol.dispose]: () => {
      signal[Symbol.dispose]()
      close(epoll)
      // Ours until it is waited for, whatever has become of it. Waited for at once: it is in our
      // cgroup, which may be removed next.
      process.kill(pid, 'SIGKILL')
      waitForExit(pid)
    },
  }
}

function watch(epoll: Fd, fd: Fd, events: number): void {
  const event = Buffer.alloc(EVENT_BYTES)
  event.writeUInt32LE(events)
  event.writeBigUInt64LE(BigInt(fd), EVENT_BYTES - 8)
  check(epollCtl(epoll, EPOLL_CTL_ADD, fd, event), { syscall: 'epoll_ctl', args: [fd] })
}

function drain(fd: Fd): { readonly changed: readonly Fd[]; readonly isEnded: boolean } {
  const changed = new Set<Fd>()
  const message = Buffer.alloc(MESSAGE_BYTES)
  for (;;) {
    try {
      // Messages are shorter than PIPE_BUF: each comes whole.
      if (readSync(fd, message) === 0) return { changed: [...changed], isEnded: true }
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return { changed: [...changed], isEnded: false }
      throw error
    }
    const count = Number(message.readBigInt64LE())
    for (let index = 0; index < count; index += 1) {
      changed.add(Number(message.readBigUInt64LE(8 + (index + 1) * EVENT_BYTES - 8)))
    }
  }
}

/** Waits, writes what there was, sleeps a little, and again; SIGPIPE ends it. */
function waitProgram(): Program {
  const program = new Program()
  const again = program.label('again')
  const pause = program.label('pause')
  const message = program.zeroed(MESSAGE_BYTES)
  const time = Buffer.alloc(16)
  time.writeBigUInt64LE(BigInt(PAUSE_NS), 8)
  program.place(again)
  program.call('epoll_pwait', [PROGRAM_FD.epoll, message + 8, EVENTS_MAX, -1, 0, 8], {
    store: message,
    onError: pause,
    onZero: again,
  })
  program.call('write', [PROGRAM_FD.pipe, message, MESSAGE_BYTES])
  program.place(pause)
  program.call('nanosleep', [program.bytes(time, 8), 0])
  program.jump(again)
  return program
}
