/** Sends the logs of a stack to the client of an attached `up`. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine, EngineEvent } from '../engine/index.ts'
import { LOG_DRAIN_MS } from '../limits.ts'
import { LogFeed, logSourceOf } from './log-feed.ts'
import type { LogSource, Resume } from './protocol.ts'
import type { ShownServices } from './shown-services.ts'
import type { ClientSession } from './supervisor.ts'
import { watchStack } from './watch-stack.ts'

export interface AttachOptions {
  /** What its client has already. */
  readonly resume?: Resume
  /** Absent: everything. */
  readonly shown?: ShownServices
}

const EVERYTHING: ShownServices = { shows: () => true, awaits: () => true }

/**
 * Disposing it ends the looking for new containers; what is followed already goes on to its end.
 */
export interface Attached extends Disposable {
  /** Sends logs until all containers have ended, or `interrupted`, or the client is gone. */
  untilEnd(interrupted: AbortSignal): Promise<void>
  /** Begins to send the logs of what runs already. */
  followRunning(): Promise<void>
  /** The last words of containers that have ended are sent. */
  drained(): Promise<void>
}

/** Follows every container from its start, so that `up` shows its first line. */
export function attachTo(
  engine: Engine,
  session: ClientSession,
  stack: string,
  { resume, shown = EVERYTHING }: AttachOptions = {},
): Attached {
  const feed = new LogFeed(engine, session, resume)
  const begun = thisMoment()
  const unsubscribe = engine.subscribe((event) => {
    if (event.kind !== 'container' || event.stack !== stack || event.state !== 'started') return
    if (!shown.shows(event.service)) return
    feed.follow(startedSource(event), { since: begun() })
  })
  return {
    [Symbol.dispose]: unsubscribe,
    async untilEnd(interrupted) {
      const signal = AbortSignal.any([session.signal, interrupted])
      const observed = await watchStack(engine, {
        stack,
        signal,
        awaits: shown.awaits,
        onStarted: (container) => {
          if (shown.shows(container.service))
            feed.follow(logSourceOf(container), { since: begun() })
        },
      })
      if (signal.aborted) return
      await feed.settled(shown.awaits)
      const containers = observed.containers.filter(({ service }) => shown.awaits(service))
      session.connection.send({ kind: 'all-exited', observed: { ...observed, containers } })
    },
    async followRunning() {
      const { containers } = engine.observeContainers(stack)
      const running = containers.filter(({ state }) => state === 'running')
      for (const container of running) feed.follow(logSourceOf(container), { since: begun() })
    },
    async drained() {
      // One that could not be stopped writes on: it is not waited for.
      await Promise.race([feed.settled(), sleep(LOG_DRAIN_MS, undefined, { ref: false })])
    },
  }
}

/** A clock that differs by less has only been rounded, or is led by NTP. */
const SET_MS_MIN = 1000

/**
 * The present, as the clock tells it later: when that is set back meanwhile, what is written
 * afterwards is told apart by the clock's new time.
 */
function thisMoment(): () => number {
  const [at, mark] = [Date.now(), performance.now()]
  return () => {
    const moved = Math.floor(Date.now() - (performance.now() - mark))
    return moved < at - SET_MS_MIN ? moved : at
  }
}

/** The replica's number is the end of its name, unless `container_name` gave it another. */
function startedSource(event: Extract<EngineEvent, { kind: 'container' }>): LogSource {
  const { container, service, stack } = event
  const start = `${stack}-${service}-`
  const index = container.startsWith(start) ? Number(container.slice(start.length)) : 1
  return { container, service, index: Number.isSafeInteger(index) ? index : 1 }
}
