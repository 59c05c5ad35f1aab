/** `kill`: a signal for pid 1 of a container, and what it says about restarts. */

import { update } from '../attempts.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import { endAll } from './end-all.ts'
import { thaw } from './pause.ts'
import { signalContainer, signalNumber } from './stop.ts'
import { SIGKILL } from './kernel.ts'

/**
 * SIGKILL and the container's own stop signal mean that the user wants it to end: no restart policy
 * applies then, as with Docker. Resolves when the signal is sent; with SIGKILL when all is gone.
 */
export async function killContainer(
  machine: Machine,
  container: LiveContainer,
  signal: string,
): Promise<void> {
  const number = signalNumber(signal)
  const isEnd = number === SIGKILL || number === signalNumber(container.record.spec.stopSignal)
  if (isEnd) update(machine, container, { stoppedByUser: true })
  const { attempt } = container
  signalContainer(machine, container, signal)
  if (!attempt || !isEnd) return
  thaw(machine, attempt)
  if (number !== SIGKILL) return
  // Says which process hangs in the kernel, if one does.
  await endAll(machine, attempt)
  await attempt.ended
}
