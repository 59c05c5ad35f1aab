/** Ctrl-C while a command works: told to the supervisor, and obeyed at once when nobody listens. */

import { exitOf } from './render-error.ts'

/** After so many the user wants nothing but the prompt back; the supervisor finishes by itself. */
const INTERRUPTS_MAX = 3

/**
 * Calls `listener` for the first interrupts, with their number from 1; the last ends the program.
 */
export function onInterrupt(listener: (count: number) => void): Disposable {
  let count = 0
  const handle = (): void => {
    count += 1
    if (count >= INTERRUPTS_MAX) process.exit(exitOf('INTERRUPTED'))
    listener(count)
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, handle)
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, handle)
    },
  }
}
