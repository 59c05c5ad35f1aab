/** Where a container's output goes: pipes to a log mover, or nowhere when logging is off. */

import { closeSync, openSync } from 'node:fs'
import { close, type Fd, pipe, type Program, spawn, startTime } from '../../linux/index.ts'
import { MOVER_FD, type MoverOptions, moverProgram } from '../logs/mover.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { ProcessIdentity } from '../records/container.ts'
import type { Undo } from '../undo.ts'

export interface Output {
  readonly stdout: Fd
  readonly stderr: Fd
  /** Starts what reads them; it holds `fifo` until it has written everything. */
  spawnMover(machine: Machine, fifo: Fd): ProcessIdentity | undefined
}

/**
 * Our ends of everything are closed by `temporary`: an end kept here would keep the mover waiting.
 */
export function openOutput(container: LiveContainer, temporary: Undo): Output {
  const { logging } = container.record.spec
  if (logging.driver === 'none') {
    const nowhere = openSync('/dev/null', 'w')
    temporary.push(() => closeSync(nowhere))
    return { stdout: nowhere, stderr: nowhere, spawnMover: () => undefined }
  }
  const stdout = openPipe(temporary)
  const stderr = openPipe(temporary)
  const segment = openSync(`${container.own.log}/0.log`, 'a', 0o600)
  temporary.push(() => closeSync(segment))
  const directory = openSync(container.own.log, 'r')
  temporary.push(() => closeSync(directory))
  return {
    stdout: stdout.write,
    stderr: stderr.write,
    spawnMover: (machine, fifo) => {
      const pid = spawn(cachedMover(logging), {
        title: `tsstack: log ${container.record.name}`,
        descriptors: {
          [MOVER_FD.stdout]: stdout.read,
          [MOVER_FD.stderr]: stderr.read,
          [MOVER_FD.segment]: segment,
          [MOVER_FD.directory]: directory,
          [MOVER_FD.fifo]: fifo,
        },
        fallbackDirectory: container.own.run,
      })
      machine.children.add(pid)
      return { pid, startTime: startTime(pid) ?? 0 }
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
