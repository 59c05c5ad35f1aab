/** A log mover whose monitor was killed: what the container wrote last is still on its way. */

import { closeSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { close, pidfdOpen, pipe, Program, spawn } from '../../linux/index.ts'
import { ORPHANED_MOVER_MS_MAX } from '../../limits.ts'
import type { Machine } from '../machine.ts'
import type { ContainerPaths } from '../paths.ts'
import { readAttemptStatus } from '../records/attempt.ts'

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
