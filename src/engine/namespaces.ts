/** Network namespaces for attempts, one of them made ahead while nobody waits for it. */

import { close, createNetworkNamespace, type Fd } from '../linux/index.ts'

/** Milliseconds after a start: what its program does first is heard before a new one is made. */
const REFILL_MS = 5

/**
 * The kernel takes about a millisecond for a namespace, most of it after the call that a start
 * would have to wait for. A spare one has never had an interface or a process: it is as good as
 * new.
 */
export class NamespacePool {
  readonly #prepare: (netns: Fd) => void
  #spare: Fd | undefined
  #isClosed = false

  /** `prepare` brings up what every new namespace needs. */
  constructor(prepare: (netns: Fd) => void) {
    this.#prepare = prepare
  }

  /** A namespace of its own for the caller, who closes it. */
  take(): Fd {
    const spare = this.#spare
    this.#spare = undefined
    return spare ?? this.#make()
  }

  /** Makes a spare one soon. That it cannot be made is told to whoever takes the next one. */
  refillSoon(): void {
    setTimeout(() => this.refill(), REFILL_MS).unref()
  }

  /** The same at once, when there is time: an attempt has ended, and may be followed by another. */
  refill(): void {
    if (this.#isClosed || this.#spare !== undefined) return
    try {
      this.#spare = this.#make()
    } catch {
      this.#spare = undefined
    }
  }

  close(): void {
    this.#isClosed = true
    if (this.#spare !== undefined) close(this.#spare)
    this.#spare = undefined
  }

  #make(): Fd {
    const netns = createNetworkNamespace()
    try {
      this.#prepare(netns)
      return netns
    } catch (error) {
      close(netns)
      throw error
    }
  }
}
