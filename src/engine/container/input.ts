/** The input of a running container, by whoever is attached to it now. */

import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { WriteStream } from 'node:tty'
import {
  close,
  type Fd,
  pidfdGetfd,
  pidfdOpen,
  setWindowSize,
  startTime,
} from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'
import type { LiveContainer } from '../machine.ts'
import type { TerminalSize } from '../types.ts'
import { FD, MOVER_FD } from './descriptors.ts'

/** A hold on a container's input. Ending `stream` lets go of it; the program's input stays open. */
export interface ContainerInput {
  readonly stream: Writable
  readonly isTerminal: boolean
  /** Of the terminal; without one it does nothing. */
  resize(size: TerminalSize): void
}

/**
 * Its other end is held by the monitor, which outlives supervisors. Throws NOT_RUNNING, and
 * ACTION_FAILED for a container that has neither `stdin_open` nor `tty`.
 */
export function openInput({ record, attempt }: LiveContainer): ContainerInput {
  const { tty, stdinOpen } = record.spec
  const monitor = attempt?.exit ? undefined : attempt?.record.monitor
  if (!attempt?.process || monitor === undefined || startTime(monitor.pid) !== monitor.startTime) {
    throw new EngineError('NOT_RUNNING', `Cannot attach to "${record.name}": it does not run`, {
      hint: 'start it with "tsstack up"',
    })
  }
  if (!tty && !stdinOpen) {
    throw new EngineError('ACTION_FAILED', `Cannot write to "${record.name}": it reads no input`, {
      hint: 'give the service "stdin_open: true" or "tty: true"',
    })
  }
  const fd = fdOf(monitor.pid, tty ? MOVER_FD.stdout : FD.input)
  return {
    stream: tty ? terminalInput(fd) : new Socket({ fd, readable: false, writable: true }),
    isTerminal: tty,
    resize: (size) => {
      if (tty) setWindowSize(fd, size)
    },
  }
}

/** A terminal cannot be shut down for writing, as `end` would have it: it is closed instead. */
function terminalInput(fd: Fd): Writable {
  const terminal = new WriteStream(fd)
  return new Writable({
    write: (chunk: Buffer, _, done) => void terminal.write(chunk, done),
    destroy: (error, done) => {
      terminal.once('close', () => done(error))
      terminal.destroy()
    },
  }).on('finish', function (this: Writable) {
    this.destroy()
  })
}

function fdOf(pid: number, number: number): Fd {
  const pidfd = pidfdOpen(pid)
  try {
    return pidfdGetfd(pidfd, number)
  } finally {
    close(pidfd)
  }
}
