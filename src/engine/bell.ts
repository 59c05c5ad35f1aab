/** A wake-up that is not lost when it rings before anyone waits. */

export class Bell {
  #rang = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rang = true
    this.#wake?.()
  }

  /** Resolves at the next ring, at once when there was one since the last call. */
  async rung(): Promise<void> {
    if (!this.#rang) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#rang = false
    this.#wake = undefined
  }
}
