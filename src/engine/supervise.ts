/** Starts containers again as their policies say, with Docker's back-off. */

import { FIRST_RUN } from '../planner/index.ts'
import { tryUpdate } from './attempts.ts'
import { cancelRestart } from './cancel-restart.ts'
import { type Begin, startContainer } from './container/start.ts'
import { checkRoom } from './descriptors.ts'
import { followHealth } from './health.ts'
import { endUnhealthy } from './unhealthy.ts'
import type { LiveContainer, Machine } from './machine.ts'
import type { ContainerRecord } from './records/container.ts'
import { pendingRestart, TakenBack } from './pending-restart.ts'
import { removeContainer } from './remove.ts'
import { type Life, restartAfter } from './restart.ts'
import { warn } from './warn.ts'

/** A start that the user asked for begins a new series: the back-off starts over. */
export async function startByUser(
  machine: Machine,
  container: LiveContainer,
  ready?: () => Promise<void>,
): Promise<void> {
  await cancelRestart(container)
  return startAndFollow(machine, container, { restarts: FIRST_RUN, ready })
}

/** Watches the running attempt's health, and acts on its end once all of it is cleaned up. */
export function followAttempt(machine: Machine, container: LiveContainer): void {
  followHealth(machine, container, () => void endUnhealthy(machine, container))
  // One that is gone already, while who started it was busy with another, has ended as well.
  Promise.resolve(container.attempt?.ended)
    // What it has left behind is no reason to stay down: the next attempt begins by removing it.
    .catch((failure: unknown) => warn(machine, container.record.stack, failure))
    .then(() => {
      // A start that waited for this end goes first: its attempt must not get a second one beside
      // it. Without one nobody may see, not for a moment, that nothing is to follow.
      if (container.starting) return container.starting.then(() => afterEnd(machine, container))
      return afterEnd(machine, container)
    })
    .catch((failure: unknown) => warn(machine, container.record.stack, failure))
}

/** An attempt that ended while nobody looked, as a reboot leaves it. */
export function afterEnd(machine: Machine, container: LiveContainer): void {
  const { record } = container
  const life = lastLife(machine, record)
  if (!life || !isIdle(machine, container)) return
  if (record.oneOff?.remove === true && !record.oneOff.attached) {
    removeContainer(machine, container, { anonymousVolumes: true }).catch((failure: unknown) =>
      warn(machine, container.record.stack, failure),
    )
    return
  }
  restartLater(machine, container, life)
}

/**
 * A first start that failed is reported to whoever asked for it. One by policy was nobody's: it
 * counts as a run that failed at once, and is tried again.
 */
function lastLife(machine: Machine, record: ContainerRecord): Life | undefined {
  if (record.failure === undefined) return record.last
  return record.restarts.restarts === 0 ? undefined : failedStart(machine)
}

/** It is there, nothing of it runs or is about to, and there is somebody to follow what would. */
function isIdle(machine: Machine, { record, restart, attempt }: LiveContainer): boolean {
  if (machine.isClosing === true) return false
  return machine.containers.has(record.name) && restart === undefined && attempt === undefined
}

function failedStart(machine: Machine): Life {
  const at = machine.now()
  return {
    startedAt: at,
    finishedAt: at,
    exitCode: 1,
    ranMs: 0,
    endedUptimeMs: machine.uptime(),
  }
}

function restartLater(machine: Machine, container: LiveContainer, life: Life): void {
  const { record } = container
  if (!isIdle(machine, container)) return
  const decision = restartAfter(record, life)
  if (decision.kind === 'stay') return
  // The back-off runs from the end, not from when it was noticed or cleaned up.
  const { delayMs } = decision.memory
  const passedMs = Math.max(0, sinceEnd(machine, life))
  container.restart = pendingRestart(machine, container, {
    due: machine.uptime() + Math.max(0, delayMs - passedMs),
    delayMs,
    start: (ready) => startAgain(machine, container, { restarts: decision.memory, ready }),
  })
}

/** By the clock that nobody sets, where the end is known by that. */
function sinceEnd(machine: Machine, { finishedAt, endedUptimeMs }: Life): number {
  return endedUptimeMs === undefined ? machine.now() - finishedAt : machine.uptime() - endedUptimeMs
}

/**
 * Counted only when it is started: a supervisor that dies before leaves the same decision to the
 * next one. What keeps it from starting, such as a full disk, may pass: it is tried again, after a
 * longer pause.
 */
async function startAgain(
  machine: Machine,
  container: LiveContainer,
  { restarts, ready }: Begin,
): Promise<void> {
  try {
    checkRoom(`start "${container.record.name}" again`, 'stays')
    await startAndFollow(machine, container, { restarts, ready })
  } catch (failure) {
    if (failure instanceof TakenBack) return
    warn(machine, container.record.stack, failure)
    container.restart = undefined
    tryUpdate(machine, container, { restarts })
    restartLater(machine, container, failedStart(machine))
  }
}

/** What was made ready is of a spec that is not the container's any more, or of another root. */
class Outdated extends Error {}

/** What was made ready before its turn, and has been changed since, is made anew. */
async function startAndFollow(
  machine: Machine,
  container: LiveContainer,
  { restarts, ready }: Begin,
): Promise<void> {
  const { record, copies } = container
  const asItIs = async (): Promise<void> => {
    await ready?.()
    const isSame = container.record.spec === record.spec && container.copies === copies
    if (!isSame) throw new Outdated('Cannot start: it has been changed')
  }
  try {
    await startContainer(machine, container, { restarts, ready: ready && asItIs })
  } catch (failure) {
    if (!(failure instanceof Outdated)) throw failure
    return startAndFollow(machine, container, { restarts })
  }
  followAttempt(machine, container)
}
