/** Long work of the one thread that answers everybody, cut into short pieces. */

import { setImmediate } from 'node:timers/promises'

/** Milliseconds: what asks for a name or a command waits no longer for one piece. */
const PIECE_MS = 5

/** To be awaited between steps: lets others have their turn when a piece has lasted long enough. */
export function breather(): () => Promise<void> {
  let begun = performance.now()
  return async () => {
    if (performance.now() - begun < PIECE_MS) return
    await setImmediate()
    begun = performance.now()
  }
}
