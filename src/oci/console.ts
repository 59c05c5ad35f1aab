/** A container's terminal: made before it, and handed to whoever listens at the console socket. */

import { UsageError } from '../errors.ts'
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

export interface Console {
  /** The devpts that will be mounted. */
  readonly terminals: Fd
  readonly master: Fd
  readonly slave: Fd
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
  const { master, slave } = openPty(terminals)
  undo.push(() => close(master))
  undo.push(() => close(slave))
  sizeOf(process, master)
  return { terminals, master, slave }
}

function sizeOf({ consoleSize }: SpecProcess, master: Fd): void {
  if (consoleSize === undefined) return
  setWindowSize(master, { rows: consoleSize.height, columns: consoleSize.width })
}

/** As runc does: the descriptor beside the name of the terminal. */
export function handConsole(path: string, { master }: Pick<Console, 'master'>): void {
  try {
    sendDescriptor(path, { fd: master, text: '/dev/pts/0' })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`Cannot hand the terminal to "${path}": ${why}`)
  }
}
