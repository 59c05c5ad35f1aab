/** What `x-tsstack: { on-unhealthy: … }` does with a container whose check has failed for good. */

import { errorText } from '../errors.ts'
import { tryUpdate } from './attempts.ts'
import { endAttempt } from './container/stop.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { stopByUser } from './remove.ts'

/**
 * Stops it for good, or ends it to be started again: at once the first time, then after pauses that
 * double until it has been healthy. A supervisor that takes over meanwhile finds it unhealthy, and
 * does the same. Never rejects: what went wrong is told as a warning.
 */
export async function endUnhealthy(machine: Machine, container: LiveContainer): Promise<void> {
  const { attempt, record } = container
  const { onUnhealthy, stopGraceMs } = record.spec
  if (onUnhealthy === undefined || record.oneOff !== undefined) return
  if (attempt?.exit !== undefined || container.draining === true) return
  const what = onUnhealthy === 'restart' ? 'restarted' : 'stopped'
  warn(machine, container, `"${record.name}" is unhealthy: it is ${what}, as "on-unhealthy" says`)
  try {
    if (onUnhealthy === 'stop') return await stopByUser(machine, container, stopGraceMs)
    tryUpdate(machine, container, { ill: attempt?.wasHealthy ? 'was healthy' : 'never healthy' })
    await endAttempt(machine, container, stopGraceMs)
  } catch (error) {
    warn(machine, container, errorText(error))
  }
}

function warn(machine: Machine, { record }: LiveContainer, message: string): void {
  machine.emit({ kind: 'warning', time: machine.now(), stack: record.stack, message })
}
