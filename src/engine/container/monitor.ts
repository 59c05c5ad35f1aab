/**
 * The monitor of a container: a launch program that makes its pid 1, waits for it and reports, and
 * keeps a log mover beside it.
 */

import { CLONE_NEW, Program } from '../../linux/index.ts'
import {
  STARTED_BYTES,
  STATUS_BYTES,
  STATUS_MAGIC,
  STATUS_OFFSETS,
  TIME_BYTES,
  WHOLE_STATUS_BYTES,
} from '../records/attempt.ts'
import { FD, MOVER_FD } from './descriptors.ts'
import { openTasks } from './child.ts'
import * as kernel from './kernel.ts'
import { cloneArguments } from './clone.ts'
import { type BetweenInput, writeBetween } from './monitor-users.ts'
import { type Waiting, writeMoverStart } from './monitor-mover.ts'

/**
 * What the monitor and its child say on the FIFO: 16 bytes each, so that no two ever mix (pipe(7)).
 */
export const MESSAGE_BYTES = 16
/** First word of a message; failure records have their own. */
export const MESSAGE = { started: 0x01, exited: 0x02, reached: 0x03 } as const

export interface MonitorInput {
  /** CLONE_NEW* flags of clone3. */
  readonly cloneFlags: number
  /** Child-side number of the cgroup directory to be born into (v2); absent on v1. */
  readonly cgroupFd?: number
  /** True: start and end are written to FD.status as well, for supervisors to come. */
  readonly keepsStatus: boolean
  /** Entered before the child is made: the namespaces of a running container, through its pidfd. */
  readonly enter?: {
    readonly pidfd: number
    readonly flags: number
    /** Opened for the child while the host's files are in view. */
    readonly tasks?: readonly string[]
  }
  /** Entered when the child is made: the pid namespace in which a mover is to be. */
  readonly home?: number
  /** Present: a log mover of this title runs for as long as there is something to be read. */
  readonly mover?: { readonly title: string }
  /** Present: the child is born in a user namespace, in which the monitor never is. */
  readonly users?: BetweenInput
  /** Keeps FD.input, so that the container's stdin stays open. */
  readonly keepsInput?: boolean
  /** Keeps FD.root until the end has been told. */
  readonly keepsRoot?: boolean
}

/**
 * Writes the whole program; `writeChild` appends the child's branch, which never comes back, and is
 * given the words that hold descriptors of `enter.tasks`. The
 * monitor resumes only when its child has executed or died (CLONE_VFORK), so "started" comes after
 * any failure that the child reports.
 */
export function monitorProgram(
  input: MonitorInput,
  writeChild: (program: Program, tasks: readonly number[]) => void,
): Program {
  const program = new Program()
  const status = program.bytes(statusTemplate(), 8)
  const child = program.label('child')
  const onError = program.failLabel({ reportFd: FD.fifo })
  // Until the program is executed, host descriptors are open here that nobody else may reach.
  program.call('prctl', [kernel.PR_SET_DUMPABLE, 0], { note: 'prctl(PR_SET_DUMPABLE, 0)' })
  const tasks = (input.enter?.tasks ?? []).map((path) => openTasks(program, path, onError))
  if (input.enter) {
    const { pidfd, flags } = input.enter
    program.call('setns', [pidfd, flags], { onError, note: 'setns(container)' })
  }
  const { users, cloneFlags, cgroupFd } = input
  const pid = status + STATUS_OFFSETS.pid
  if (users) {
    writeBetween(program, { ...users, cloneFlags, cgroupFd, pid, child }, onError)
  } else {
    const clone = cloneArguments({ flags: cloneFlags | kernel.CLONE_VFORK, cgroupFd })
    program.call('clone3', [program.bytes(clone, 8), kernel.CLONE_ARGS_BYTES], {
      store: pid,
      onZero: child,
      onError,
      note: 'clone3(container)',
    })
  }
  if (input.home !== undefined) {
    program.call('setns', [input.home, CLONE_NEW.pid], { onError, note: 'setns(own pid)' })
  }
  writeMonitor(program, status, input)
  // The child's part is larger than all else, and needed no more once the program runs.
  program.coldFromHere()
  program.place(child)
  writeChild(program, tasks)
  return program
}

function writeMonitor(program: Program, status: number, input: MonitorInput): void {
  const { keepsStatus, mover } = input
  const started = program.bytes(message(MESSAGE.started), 8)
  const exited = program.bytes(message(MESSAGE.exited), 8)
  program.releaseCold()
  program.call('clock_gettime', [kernel.CLOCK_REALTIME, status + STATUS_OFFSETS.startedSeconds])
  if (keepsStatus) program.call('pwrite64', [FD.status, status, STARTED_BYTES, 0])
  program.compute(status + STATUS_OFFSETS.pid, { store: started + 8 })
  program.call('write', [FD.fifo, started, MESSAGE_BYTES])
  // The container's pipes and mounts must end with the container, not with us.
  program.call('close_range', [0, 2, 0])
  program.call('close_range', [FD.init, mover ? FD.init : MOVER_FD.directory, 0])
  if (input.keepsInput !== true) program.call('close_range', [FD.input, FD.input, 0])
  const kept = input.keepsRoot === true ? FD.root : FD.input
  program.call('close_range', [kept + 1, kernel.ALL_DESCRIPTORS, 0])
  const allEnded = program.label('all ended')
  const waiting: Waiting = {
    again: program.label('wait'),
    pid: program.word(),
    status: program.word(),
    ended: status + STATUS_OFFSETS.ended,
    over: allEnded,
  }
  const moverEnded = mover && writeMoverStart(program, mover.title, waiting)
  const ended = program.label('ended')
  const waitStatus = status + STATUS_OFFSETS.waitStatus
  program.place(waiting.again)
  // ECHILD: container and mover have ended, and the log is complete.
  program.call('wait4', [-1, waiting.status, 0, 0], { store: waiting.pid, onError: allEnded })
  program.compute(status + STATUS_OFFSETS.pid, { times: -1, store: program.ahead(1, 4) })
  program.compute(waiting.pid, { onZero: ended })
  program.jump(moverEnded ?? waiting.again)
  program.place(ended)
  program.compute(waiting.status, { store: waitStatus })
  program.call('clock_gettime', [kernel.CLOCK_REALTIME, status + STATUS_OFFSETS.endedSeconds])
  program.set(status + STATUS_OFFSETS.ended, 1)
  if (keepsStatus) {
    const uptime = STATUS_OFFSETS.endedUptimeSeconds
    program.call('clock_gettime', [kernel.CLOCK_BOOTTIME, status + uptime])
    program.call('pwrite64', [FD.status, status + uptime, TIME_BYTES, uptime])
    program.call('pwrite64', [FD.status, status, STATUS_BYTES, 0])
  }
  program.compute(waitStatus, { store: exited + 8 })
  program.call('write', [FD.fifo, exited, MESSAGE_BYTES])
  if (input.keepsRoot === true) program.call('close', [FD.root])
  program.jump(waiting.again)
  program.place(allEnded)
  program.call('exit_group', [0])
}

function statusTemplate(): Buffer {
  const bytes = Buffer.alloc(WHOLE_STATUS_BYTES)
  bytes.writeBigUInt64LE(STATUS_MAGIC, STATUS_OFFSETS.magic)
  return bytes
}

export function message(kind: number): Buffer {
  const bytes = Buffer.alloc(MESSAGE_BYTES)
  bytes.writeUInt32LE(kind, 0)
  return bytes
}
