/**
 * A list of releases, registered where something is acquired and run in reverse when it is to go.
 */

export class Undo {
  readonly #releases: (() => void | Promise<void>)[] = []

  push(release: () => void | Promise<void>): void {
    this.#releases.push(release)
  }

  /** Runs every release, the last first; goes on past failures and returns them. */
  async run(): Promise<readonly unknown[]> {
    const failures: unknown[] = []
    for (const release of this.#releases.splice(0).reverse()) {
      try {
        await release()
      } catch (failure) {
        failures.push(failure)
      }
    }
    return failures
  }
}
