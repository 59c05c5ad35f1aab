/**
 * Lets only so many restarts by policy be under way at once: of hundreds that end together, those
 * that wait can still be taken back, and who is not among them is served in between.
 */

/** As many as keep the threads beside the supervisor's busy; more only wait for each other. */
const RESTARTS_AT_ONCE_MAX = 8

/** Milliseconds: a start that takes longer waits for a disk or a server, and not for us. */
const RESTART_SLOT_MS_MAX = 5_000

interface Waiting {
  /** By this, on the clock of `now`, it should have begun: the least comes first. */
  readonly deadline: number
  readonly begin: () => Promise<void>
}

export class RestartQueue {
  #underWay = 0
  readonly #waiting = new Set<Waiting>()

  /**
   * Calls `begin`, which never rejects, as soon as there is room: at once when nobody waits. Who
   * has paused longest waits longest, as long again at most: one that ends for the first time is
   * not kept down by a crowd that does nothing else. The result takes it back while it waits.
   */
  enter(delayMs: number, begin: () => Promise<void>): () => void {
    const waiting = { deadline: performance.now() + delayMs, begin }
    this.#waiting.add(waiting)
    this.#next()
    return () => void this.#waiting.delete(waiting)
  }

  /** Nobody waits, and there is room. */
  get isFree(): boolean {
    return this.#waiting.size === 0 && this.#underWay < RESTARTS_AT_ONCE_MAX
  }

  #next(): void {
    while (this.#underWay < RESTARTS_AT_ONCE_MAX && this.#waiting.size > 0) {
      const first = [...this.#waiting].reduce((one, other) =>
        other.deadline < one.deadline ? other : one,
      )
      this.#waiting.delete(first)
      this.#run(first)
    }
  }

  #run({ begin }: Waiting): void {
    this.#underWay += 1
    let isCounted = true
    const leave = (): void => {
      clearTimeout(patience)
      if (!isCounted) return
      isCounted = false
      this.#underWay -= 1
      this.#next()
    }
    const patience = setTimeout(leave, RESTART_SLOT_MS_MAX).unref()
    void begin().finally(leave)
  }
}
