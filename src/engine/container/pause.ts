/** Stops every process of a container where it stands, and lets them go on. */

import { EngineError } from '../../errors.ts'
import { announce } from '../attempts.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'

/**
 * Resolves when all of them stand still.
 * @throws EngineError NOT_RUNNING, and ACTION_FAILED for one that is paused already, as Docker has
 * it.
 */
export async function pauseContainer(machine: Machine, container: LiveContainer): Promise<void> {
  const { name } = container.record
  const attempt = runningAttempt(container, 'pause')
  if (attempt.paused) {
    throw new EngineError('ACTION_FAILED', `Cannot pause "${name}": it is paused already`, {
      hint: 'let it go on with "tsstack unpause"',
    })
  }
  await machine.cgroups.open(attempt.record.cgroup).freeze()
  attempt.paused = Promise.withResolvers()
  announce(machine, container.record, 'paused')
}

/** Success also when it is not paused. */
export function unpauseContainer(machine: Machine, container: LiveContainer): void {
  const attempt = runningAttempt(container, 'unpause')
  if (thaw(machine, attempt)) announce(machine, container.record, 'unpaused')
}

/** What is about to be signalled has to be able to hear it. True when it was paused. */
export function thaw(machine: Machine, attempt: LiveAttempt): boolean {
  if (!attempt.paused) return false
  machine.cgroups.open(attempt.record.cgroup).thaw()
  attempt.paused.resolve()
  attempt.paused = undefined
  return true
}

function runningAttempt({ attempt, record }: LiveContainer, verb: string): LiveAttempt {
  if (attempt?.process && !attempt.exit) return attempt
  throw new EngineError('NOT_RUNNING', `Cannot ${verb} "${record.name}": it does not run`, {
    hint: 'start it with "tsstack start"',
  })
}
