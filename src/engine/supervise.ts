/** Starts containers again as their policies say, with Docker's back-off. */

import { FIRST_RUN, type RestartMemory } from '../planner/index.ts'
import { update } from './attempts.ts'
import { cancelRestart } from './cancel-restart.ts'
import { startContainer } from './container/start.ts'
import { followHealth } from './health.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { removeContainer } from './remove.ts'
import { restartAfter } from './restart.ts'

/** A start that the user asked for begins a new series: the back-off starts over. */
export function startByUser(machine: Machine, container: LiveContainer): Promise<void> {
  cancelRestart(container)
  update(machine, container, { restarts: FIRST_RUN })
  return startAndFollow(machine, container)
}

/** Watches the running attempt's health, and acts on its end once all of it is cleaned up. */
export function followAttempt(machine: Machine, container: LiveContainer): void {
  followHealth(machine, container)
  container.attempt?.ended.then(
    () => afterEnd(machine, container),
    (failure: unknown) => warn(machine, container, failure),
  )
}

/** An attempt that ended while nobody looked, as a reboot leaves it. */
export function afterEnd(machine: Machine, container: LiveContainer): void {
  const { record } = container
  // A failed start is reported to whoever asked for it; a started attempt has a result.
  if (!record.last || record.failure !== undefined || !machine.containers.has(record.name)) return
  if (container.restart ?? container.attempt) return
  if (record.oneOff?.remove === true && !record.oneOff.attached) {
    removeContainer(machine, container, { anonymousVolumes: true }).catch((failure: unknown) =>
      warn(machine, container, failure),
    )
    return
  }
  const decision = restartAfter(record, record.last)
  if (decision.kind === 'stay') return
  container.restart = setTimeout(() => {
    container.restart = undefined
    startAgain(machine, container, decision.memory).catch((failure: unknown) =>
      warn(machine, container, failure),
    )
  }, decision.memory.delayMs)
}

/** Counted only now: a supervisor that dies before leaves the same decision to the next one. */
async function startAgain(
  machine: Machine,
  container: LiveContainer,
  restarts: RestartMemory,
): Promise<void> {
  update(machine, container, { restarts })
  await startAndFollow(machine, container)
}

async function startAndFollow(machine: Machine, container: LiveContainer): Promise<void> {
  await startContainer(machine, container)
  followAttempt(machine, container)
}

function warn(machine: Machine, container: LiveContainer, failure: unknown): void {
  const { stack } = container.record
  const message = failure instanceof Error ? failure.message : String(failure)
  machine.emit({ kind: 'warning', time: machine.now(), stack, message })
}
