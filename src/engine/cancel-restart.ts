/** Takes back a restart that is waiting for its time. */

import type { LiveContainer } from './machine.ts'

export function cancelRestart(container: LiveContainer): void {
  container.restart?.cancel()
  container.restart = undefined
}
