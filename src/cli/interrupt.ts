/** Ctrl-C while a command works: told to the supervisor, and obeyed at once when nobody listens. */

import type { Session } from '../daemon/index.ts'
import { exitOf } from './render-error.ts'
import type { Asking } from './request.ts'

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

/**
 * Tells the supervisor of Ctrl-C, also when it was pressed before there was one, and its successor,
 * as the one before may not have lived to act on it. Who waits for others ends at once.
 */
export class Interruption implements Disposable {
  readonly #handler: Disposable
  #session: Session | undefined
  #count = 0
  #isWaiting = false

  /** `onFirst` says what comes of the first one. */
  constructor(onFirst: () => void = () => undefined) {
    this.#handler = onInterrupt((count) => {
      this.#count = count
      // Nothing has begun that would have to be stopped.
      if (this.#isWaiting) process.exit(exitOf('INTERRUPTED'))
      if (count === 1) onFirst()
      this.#session?.send({ kind: 'interrupt' })
    })
  }

  /** `asking`, in which the supervisor is told. */
  of(asking: Asking): Asking {
    return {
      ...asking,
      onSession: (session) => {
        this.#session = session
        for (let told = 0; told < this.#count; told += 1) session.send({ kind: 'interrupt' })
      },
      onWaiting: () => (this.#isWaiting = true),
    }
  }

  /** The supervisor has said something: it waits for nobody any more. */
  heard(): void {
    this.#isWaiting = false
  }

  get session(): Session | undefined {
    return this.#session
  }

  [Symbol.dispose](): void {
    this.#handler[Symbol.dispose]()
  }
}
