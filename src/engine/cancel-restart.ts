/** Takes back a restart that is waiting for its time. */

import type { LiveContainer } from './machine.ts'

/** Resolves when nothing is left of it; of one whose time has just come, when its program runs. */
export async function cancelRestart(container: LiveContainer): Promise<void> {
  // One that fails by itself meanwhile is followed by the next.
  while (container.restart !== undefined) {
    const { restart } = container
    await restart.cancel()
    if (container.restart === restart) container.restart = undefined
  }
}
