/** Cables to take away together: deleting one link takes the kernel some 10 ms, and so do all. */

export interface NamedLink {
  readonly name: string
}

/** Gathers what is asked for in one turn of the event loop, and has `remove` do it at its end. */
export class Detaching {
  readonly #remove: (links: readonly NamedLink[]) => void
  readonly #links: NamedLink[] = []
  #round: Promise<void> | undefined

  constructor(remove: (links: readonly NamedLink[]) => void) {
    this.#remove = remove
  }

  /** Resolves when it is gone; rejects with what `remove` throws, for all of the round. */
  add(link: NamedLink): Promise<void> {
    this.#links.push(link)
    this.#round ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#round = undefined
        try {
          this.#remove(this.#links.splice(0))
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
    return this.#round
  }

  /** Nothing is under way. */
  async settled(): Promise<void> {
    await this.#round
  }
}
