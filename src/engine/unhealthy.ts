/** What `x-tsstack: { on-unhealthy: … }` does with a container whose check has failed for good. */

import { tryUpdate } from './attempts.ts'
import { endAttempt } from './container/stop.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { stopByUser } from './remove.ts'
import { warn } from './warn.ts'

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
  const why = `"${record.name}" is unhealthy: it is ${what}, as "on-unhealthy" says`
  warn(machine, record.stack, why)
  try {
    if (onUnhealthy === 'stop') return await stopByUser(machine, container, stopGraceMs)
    tryUpdate(machine, container, { ill: attempt?.wasHealthy ? 'was healthy' : 'never healthy' })
    await endAttempt(machine, container, stopGraceMs)
  } catch (error) {
    warn(machine, container.record.stack, error)
  }
}
