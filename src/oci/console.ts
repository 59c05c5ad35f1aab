/** A container's terminal: made before it, and handed to whoever listens at the console socket. */

import { UsageError, errorText } from '../errors.ts'
import {
  close,
  createDetachedMount,
  type Fd,
  openPty,
  sendDescriptor,
  setWindowSize,
} from '../linux/index.ts'
import type { Undo } from '../engine/index.ts'
import { readMountOptions } from './mount-options.ts'
import type { RuntimeSpec, SpecProcess } from './spec.ts'

export interface Terminal {
  readonly master: Fd
  readonly slave: Fd
}

export interface Console extends Terminal {
  /** The devpts that will be mounted. */
  readonly terminals: Fd
}

/** Absent without a terminal. Throws USAGE for a terminal that nobody would hold. */
export function openConsole(
  { process, mounts = [] }: RuntimeSpec,
  undo: Undo,
): Console | undefined {
  if (process?.terminal !== true) return undefined
  const mount = mounts.find(
    ({ type, destination }) => type === 'devpts' && destination === '/dev/pts',
  )
  if (mount === undefined) {
    throw new UsageError('Cannot make a terminal: the config mounts no devpts at "/dev/pts"')
  }
  const { data, set } = readMountOptions(mount)
  const settings = data.map((word) => word.split('=')).map(([key, value]) => [key, value ?? true])
  const terminals = createDetachedMount({
    type: 'devpts',
    options: Object.fromEntries(settings) as Record<string, string>,
    flags: Object.fromEntries(set.map((name) => [name, true])),
  })
  undo.push(() => close(terminals))
  return { terminals, ...openTerminal(terminals, process, undo) }
}

/** A new one of the devpts `terminals`, as large as the process asks for. */
export function openTerminal(terminals: Fd, { consoleSize }: SpecProcess, undo: Undo): Terminal {
  const { master, slave } = openPty(terminals)
  undo.push(() => close(master))
  undo.push(() => close(slave))
  if (consoleSize) setWindowSize(master, { rows: consoleSize.height, columns: consoleSize.width })
  return { master, slave }
}

/** As runc does: the descriptor beside the name of the terminal. */
export function handConsole(path: string, { master }: Pick<Terminal, 'master'>): void {
  try {
    sendDescriptor(path, { fd: master, text: '/dev/pts/0' })
  } catch (cause) {
    const why = errorText(cause)
    throw new UsageError(`Cannot hand the terminal to "${path}": ${why}`)
  }
}
