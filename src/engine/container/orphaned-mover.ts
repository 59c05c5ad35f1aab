/** What a container wrote last, when it cannot simply be waited for. */

import { closeSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { close, pidfdOpen, pipe, Program, spawn } from '../../linux/index.ts'
import { LOG_DRAIN_MS, ORPHANED_MOVER_MS_MAX } from '../../limits.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { SIGKILL } from './kernel.ts'
import type { ContainerPaths } from '../paths.ts'
import { readAttemptStatus } from '../records/attempt.ts'
import { warn } from '../warn.ts'

const POLLIN = 1 // include/uapi/asm-generic/poll.h
const FD = { mover: 3 } as const

/**
 * Resolves when the mover of a container that has ended has written everything, or after
 * {@link ORPHANED_MOVER_MS_MAX}.
 * Node cannot wait for a process that is no child of its own, so a launch program does.
 */
export async function moverEnded(machine: Machine, own: ContainerPaths): Promise<void> {
  const pid = readAttemptStatus(own.status)?.mover
  const pidfd = pid === undefined ? undefined : openMover(pid)
  if (pidfd === undefined) return
  const { read, write } = pipe({ cloexec: true })
  try {
    const title = 'tsstack: wait for a log'
    const descriptors = { [FD.mover]: pidfd, 4: write }
    const waiter = spawn(waitProgram(), { title, descriptors, fallbackDirectory: own.run })
    machine.children.add(waiter)
  } finally {
    close(write)
    close(pidfd)
  }
  await endOf(read)
}

/**
 * Resolves when the attempt of a container that has ended is over. A mover tries until there is
 * room on the disk: after {@link LOG_DRAIN_MS} what it has left is given up, so that a full disk
 * keeps nobody from stopping a container, or removing it to make room.
 */
export async function logEnded(
  machine: Machine,
  { own, record }: LiveContainer,
  attempt: LiveAttempt,
): Promise<void> {
  const { monitor } = attempt.record
  const timer = setTimeout(() => {
    const what = `The last output of "${record.name}" could not be written to its log and is lost`
    const message = `${what}; see whether the disk is full: df ${own.log}`
    warn(machine, record.stack, message)
    // First: it would start another mover.
    if (monitor) machine.processes.end(monitor)
    killMover(machine, own)
  }, LOG_DRAIN_MS)
  try {
    await attempt.ended
  } finally {
    clearTimeout(timer)
  }
}

function killMover({ processes }: Machine, own: ContainerPaths): void {
  const pid = readAttemptStatus(own.status)?.mover
  const pidfd = pid === undefined ? undefined : openMover(pid)
  if (pidfd === undefined) return
  try {
    processes.signal(pidfd, SIGKILL)
  } finally {
    close(pidfd)
  }
}

/** Undefined when it has ended, and its pid may be somebody else's. */
function openMover(pid: number): number | undefined {
  try {
    const pidfd = pidfdOpen(pid)
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('tsstack: log ')) return pidfd
    closeSync(pidfd)
    return undefined
  } catch {
    return undefined
  }
}

function waitProgram(): Program {
  const program = new Program()
  const polled = Buffer.alloc(8)
  polled.writeInt32LE(FD.mover, 0)
  polled.writeInt16LE(POLLIN, 4)
  const timeout = Buffer.alloc(16)
  timeout.writeBigInt64LE(BigInt(ORPHANED_MOVER_MS_MAX / 1000), 0)
  program.call('ppoll', [program.bytes(polled), 1, program.bytes(timeout), 0])
  program.call('exit_group', [0])
  return program
}

/** Resolves when nobody holds the other end any more. */
function endOf(read: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = new Socket({ fd: read, readable: true, writable: false })
    socket.once('close', () => resolve())
    socket.on('end', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.resume()
  })
}
