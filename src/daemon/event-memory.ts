/** The last events of the engine, for those who ask what has happened before they came. */

import type { EngineEvent } from '../engine/index.ts'
import { EVENTS_REMEMBERED_MAX } from '../limits.ts'

export class EventMemory {
  readonly #events: EngineEvent[] = []
  #next = 0

  add(event: EngineEvent): void {
    this.#events[this.#next] = event
    this.#next = (this.#next + 1) % EVENTS_REMEMBERED_MAX
  }

  /** Oldest first. */
  since(time: number): readonly EngineEvent[] {
    const ordered = [...this.#events.slice(this.#next), ...this.#events.slice(0, this.#next)]
    return ordered.filter((event) => event.time >= time)
  }
}
