/** The guardian of a supervisor: a launch program that waits for its end and becomes the next one. */

import { Program } from '../linux/index.ts'

/** Descriptors of the guardian beside 0 to 2, which the next supervisor inherits. */
export const GUARDIAN_FD = { supervisor: 3 } as const

const POLLIN = 1 // include/uapi/asm-generic/poll.h

export interface GuardianInput {
  /** Milliseconds between the end of one supervisor and the start of the next. */
  readonly delayMs: number
  /** Absolute path of the program, its words from argv[0] on, and `NAME=value` pairs. */
  readonly executable: string
  readonly args: readonly string[]
  readonly env: readonly string[]
}

/**
 * The program: sleeps in ppoll(2) until the process of the pidfd has ended, pauses, and executes
 * the next supervisor in its own place. Costs 8 KiB and no time; needs no node until then.
 */
export function guardianProgram({ delayMs, executable, args, env }: GuardianInput): Program {
  const program = new Program()
  const strings = (list: readonly string[]): number =>
    program.pointers(list.map((text) => program.text(text)))
  const again = program.label('again')
  const polled = program.bytes(pollfd(GUARDIAN_FD.supervisor))
  program.place(again)
  // EINTR: stopped and continued.
  program.call('ppoll', [polled, 1, 0, 0], { onError: again })
  program.call('nanosleep', [program.bytes(timespec(delayMs)), 0])
  program.call('close', [GUARDIAN_FD.supervisor])
  program.call('execve', [program.text(executable), strings(args), strings(env)])
  program.call('exit_group', [127])
  return program
}

/** struct pollfd: descriptor, events, revents. */
function pollfd(fd: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32LE(fd, 0)
  bytes.writeInt16LE(POLLIN, 4)
  return bytes
}

/** struct timespec: seconds, nanoseconds. */
function timespec(ms: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0)
  bytes.writeBigInt64LE(BigInt((ms % 1000) * 1_000_000), 8)
  return bytes
}
