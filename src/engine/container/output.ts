/**
 * A container's standard streams: pipes to a log mover or a terminal of its own, and an input that
 * outlives supervisors when it is to have one.
 */

import { closeSync, openSync } from 'node:fs'
import {
  close,
  createDetachedMount,
  type Fd,
  hasGroup,
  type IdRange,
  openPty,
  pipe,
  type Program,
  sealedMemfd,
} from '../../linux/index.ts'
import { checkPlace } from '../logs/forward/index.ts'
import { type MoverOptions, moverProgram } from '../logs/mover.ts'
import type { LiveContainer } from '../machine.ts'
import type { Undo } from '../undo.ts'
import { DEFAULT_MOUNTS } from './defaults.ts'
import type { MoverDescriptors } from './descriptors.ts'

export interface Output {
  /** Absent: the container's own /dev/null. */
  readonly stdin?: Fd
  /** Absent: the container's own /dev/null, as nobody keeps what it writes. */
  readonly written?: { readonly stdout: Fd; readonly stderr: Fd }
  /** What the monitor starts a log mover with; absent when logging is off. */
  readonly mover?: MoverDescriptors
  /** Writing end of stdin, held by the monitor; with a terminal the mover's reading end is both. */
  readonly input?: Fd
  /** With a terminal: the tree of /dev/pts, of which it is number 0. */
  readonly terminals?: Fd
}

/**
 * Our ends of everything are closed by `temporary`: an end kept here would keep the mover waiting.
 */
export function openOutput(container: LiveContainer, temporary: Undo, users?: IdRange): Output {
  const { spec, oneOff } = container.record
  // The program of an attached run is an exec, with streams of its own.
  if (oneOff?.attached === true) return openLogged(container, temporary)
  const { tty, stdinOpen } = spec
  if (tty) return openTerminal(container, temporary, users)
  const input = stdinOpen ? openPipe(temporary) : undefined
  return {
    ...openLogged(container, temporary),
    ...(input === undefined ? {} : { stdin: input.read, input: input.write }),
  }
}

function openLogged(container: LiveContainer, temporary: Undo): Output {
  const { logging } = container.record.spec
  if (logging.driver === 'none') return {}
  if (logging.forward) checkPlace(container.record.name, logging.forward)
  const stdout = openPipe(temporary)
  const stderr = openPipe(temporary)
  const ends = { stdout: stdout.read, stderr: stderr.read }
  return {
    written: { stdout: stdout.write, stderr: stderr.write },
    mover: openMover(container, ends, { options: logging, temporary }),
  }
}

/** Somebody has to read a terminal, whether or not what it says is kept. */
function openTerminal(
  container: LiveContainer,
  temporary: Undo,
  users: IdRange | undefined,
): Output {
  const { logging } = container.record.spec
  if (logging.forward) checkPlace(container.record.name, logging.forward)
  const terminals = makeTerminals(users)
  temporary.push(() => close(terminals))
  const { master, slave } = openPty(terminals)
  temporary.push(() => close(master))
  temporary.push(() => close(slave))
  // Ended from the beginning: a terminal has one stream.
  const nothing = pipe({ cloexec: true })
  temporary.push(() => close(nothing.read))
  close(nothing.write)
  const ends = { stdout: master, stderr: nothing.read }
  const options = { ...logging, terminal: true, discard: logging.driver === 'none' }
  return {
    stdin: slave,
    written: { stdout: slave, stderr: slave },
    mover: openMover(container, ends, { options, temporary }),
    terminals,
  }
}

/** The devpts that the child mounts; made here, so that the terminal is there before the child. */
function makeTerminals(users: IdRange | undefined): Fd {
  const { options = [] } = DEFAULT_MOUNTS.find(({ type }) => type === 'devpts') ?? {}
  const settings = options
    .filter((word) => word.includes('='))
    .map((word) => word.split('='))
    .filter(([key, value]) => key !== 'gid' || hasGroup(Number(value)))
    // Of the container; it is we who make it, with ids of the host.
    .map(([key, value]) =>
      key === 'gid' ? [key, `${Number(value) + (users?.first ?? 0)}`] : [key, value],
    )
  return createDetachedMount({
    type: 'devpts',
    options: Object.fromEntries(settings) as Record<string, string>,
    flags: { nosuid: true, noexec: true },
  })
}

function openMover(
  container: LiveContainer,
  ends: { readonly stdout: Fd; readonly stderr: Fd },
  { options, temporary }: { readonly options: MoverOptions; readonly temporary: Undo },
): MoverDescriptors {
  const directory = openSync(container.own.log, 'r')
  temporary.push(() => closeSync(directory))
  const program = sealedMemfd('tsstack-log', cachedMover(options).image())
  temporary.push(() => closeSync(program))
  return { program, directory, ...ends }
}

const movers = new Map<string, Program>()

/** Written once for each size of logs: a program does not know whose pipes it reads. */
function cachedMover(options: MoverOptions): Program {
  const { segmentsMax, segmentBytesMax, terminal, discard } = options
  const key = [segmentsMax, segmentBytesMax, terminal, discard].join()
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
