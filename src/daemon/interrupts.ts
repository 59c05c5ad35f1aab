/** Counts what Ctrl-C a client has pressed: the first one stops, a later one kills. */

export class Interrupts {
  readonly #first = new AbortController()
  #later: (() => void) | undefined
  #isLater = false

  get first(): AbortSignal {
    return this.#first.signal
  }

  next(): void {
    if (this.#first.signal.aborted) {
      this.#isLater = true
      this.#later?.()
    }
    this.#first.abort()
  }

  /** Calls `listener` at every interrupt after the first, also when it was before this call. */
  onLater(listener: () => void): void {
    this.#later = listener
    if (this.#isLater) listener()
  }
}
