/** Where a container's output goes: pipes to a log mover, or nowhere when logging is off. */

import { closeSync, openSync } from 'node:fs'
import { close, type Fd, pipe, type Program, sealedMemfd } from '../../linux/index.ts'
import { type MoverOptions, moverProgram } from '../logs/mover.ts'
import type { LiveContainer } from '../machine.ts'
import type { Undo } from '../undo.ts'
import type { MoverDescriptors } from './descriptors.ts'

export interface Output {
  readonly stdout: Fd
  readonly stderr: Fd
  /** What the monitor starts a log mover with; absent when logging is off. */
  readonly mover?: MoverDescriptors
}

/**
 * Our ends of everything are closed by `temporary`: an end kept here would keep the mover waiting.
 */
export function openOutput(container: LiveContainer, temporary: Undo): Output {
  const { logging } = container.record.spec
  if (logging.driver === 'none') {
    const nowhere = openSync('/dev/null', 'w')
    temporary.push(() => closeSync(nowhere))
    return { stdout: nowhere, stderr: nowhere }
  }
  const stdout = openPipe(temporary)
  const stderr = openPipe(temporary)
  const directory = openSync(container.own.log, 'r')
  temporary.push(() => closeSync(directory))
  const program = sealedMemfd('tsstack-log', cachedMover(logging).image())
  temporary.push(() => closeSync(program))
  return {
    stdout: stdout.write,
    stderr: stderr.write,
    mover: {
      program,
      stdout: stdout.read,
      stderr: stderr.read,
      directory,
    },
  }
}

const movers = new Map<string, Program>()

/** Written once for each size of logs: a program does not know whose pipes it reads. */
function cachedMover(options: MoverOptions): Program {
  const key = `${options.segmentsMax} x ${options.segmentBytesMax}`
  const known = movers.get(key) ?? moverProgram(options)
  movers.set(key, known)
  return known
}

function openPipe(temporary: Undo): { readonly read: Fd; readonly write: Fd } {
  const ends = pipe({ cloexec: true })
  temporary.push(() => close(ends.read))
  temporary.push(() => close(ends.write))
  return ends
}
