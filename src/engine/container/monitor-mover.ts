/**
 * The monitor's part in logging: it starts the log mover and replaces one that was killed. The
 * monitor keeps the reading ends open, so a container that writes meanwhile waits, and gets no
 * SIGPIPE.
 */

import type { Address, Label, Program } from '../../linux/index.ts'
import { STATUS_OFFSETS } from '../records/attempt.ts'
import { FD, MOVER_FD } from './descriptors.ts'
import * as kernel from './kernel.ts'

/** The monitor's wait for its children. */
export interface Waiting {
  readonly again: Label
  /** Who has ended, and how. */
  readonly pid: Address
  readonly status: Address
  /** Not 0 once the container has ended. */
  readonly ended: Address
  /** The monitor's own end. */
  readonly over: Label
}

/**
 * Movers that are tried once the container has ended: what none of them could write is lost, but a
 * monitor that waited on would never let anybody remove the container.
 */
const TRIES_MAX = 40

/** Between a mover's death and the next: what cannot live at all must not take a processor. */
const PAUSE_NANOSECONDS = 50_000_000

/**
 * Starts the mover and goes on to wait. Returns where to go when it has ended: one that has come to
 * the end of both pipes is done, any other is replaced.
 */
export function writeMoverStart(program: Program, title: string, waiting: Waiting): Label {
  const start = program.label('start the mover')
  const child = program.label('mover')
  const ended = program.label('mover ended')
  const later = program.label('start the mover later')
  const again = program.label('start the mover again')
  const tries = program.word(TRIES_MAX)
  const pid = program.word()
  program.place(start)
  // In the monitor's own memory, as vfork(2): nothing is copied, and no stack is in use.
  const flags = kernel.CLONE_VM | kernel.CLONE_VFORK | kernel.SIGCHLD
  program.call('clone', [flags, 0, 0, 0, 0], { onZero: child, onError: later })
  program.jump(waiting.again)
  program.place(ended)
  program.compute(waiting.status, { onZero: waiting.again })
  program.place(later)
  program.compute(waiting.ended, { onZero: again })
  program.compute(tries, { plus: -1, store: tries, onZero: waiting.over })
  program.place(again)
  const pause = Buffer.alloc(16)
  pause.writeBigInt64LE(BigInt(PAUSE_NANOSECONDS), 8)
  program.call('nanosleep', [program.bytes(pause), 0])
  program.jump(start)
  program.place(child)
  program.call('getpid', [], { store: pid })
  program.call('pwrite64', [FD.status, pid, 8, STATUS_OFFSETS.mover])
  program.call('close_range', [0, MOVER_FD.program - 1, 0])
  // The container's input ends with the monitor, not with the last mover.
  program.call('close_range', [FD.input, kernel.ALL_DESCRIPTORS, 0])
  program.call('execveat', [
    MOVER_FD.program,
    program.text(''),
    program.pointers([program.text(title)]),
    program.pointers([]),
    kernel.AT_EMPTY_PATH,
  ])
  program.call('exit_group', [127])
  return ended
}
