/** Keeps commands that change one container at the same time from each other. */

import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { takeLock, tryLock } from '../linux/index.ts'
import type { Place } from './store.ts'

/**
 * Resolves when nobody else removes the container, or writes down what it is; undefined when there
 * is none, or none any more.
 */
export async function holdPlace({ directory }: Place): Promise<Disposable | undefined> {
  const fd = openIfThere(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  if (fd === undefined) return undefined
  await takeLock(fd)
  const held = { [Symbol.dispose]: () => closeSync(fd) }
  // Who had it before may have removed it, and there may be another of that name.
  if (statSync(directory, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return held
  closeSync(fd)
  return undefined
}

/** What sends a container on: whoever has it is the one that starts it. */
export interface Starter extends Disposable {
  readonly go: number
  /** Another command starts it already. */
  readonly isTaken: boolean
}

/** Undefined when nobody waits to be started. */
export function holdStart({ go: path }: Place): Starter | undefined {
  const go = openIfThere(path, constants.O_WRONLY | constants.O_NONBLOCK)
  if (go === undefined) return undefined
  return { go, isTaken: !tryLock(go), [Symbol.dispose]: () => closeSync(go) }
}

function openIfThere(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags)
  } catch (error) {
    // ENXIO: a FIFO whose reader has ended.
    if (error instanceof Error && 'code' in error && GONE.has(error.code)) return undefined
    throw error
  }
}

const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENXIO'])
