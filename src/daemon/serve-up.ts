/**
 * `up`: makes the stack as its files say; attached, it stays until the containers end or are
 * stopped.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine, EngineEvent } from '../engine/index.ts'
import { LOG_DRAIN_MS } from '../limits.ts'
import { LogFeed, logSourceOf } from './log-feed.ts'
import type { LogSource, Request } from './protocol.ts'
import { stopStack } from './stop-stack.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'
import { takeTurn } from './take-turn.ts'
import { watchStack } from './watch-stack.ts'

type UpRequest = Extract<Request, { kind: 'up' }>

export async function serveUp(
  supervisor: Supervisor,
  session: ClientSession,
  { source, options, attach }: UpRequest,
): Promise<void> {
  const desired = takeSource(session, source)
  if (desired === undefined) return
  const { stack } = desired
  const interrupts = new Interrupts()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupts.next() }
  using attached = attach ? attachTo(supervisor.engine, session, stack) : undefined
  const ok = await apply(supervisor, session, { desired, options, signal: interrupts.first })
  if (attached === undefined) return
  if (ok) await attached.untilEnd(interrupts.first)
  if (!interrupts.first.aborted) return
  await stop(supervisor, session, { stack, options, interrupts })
  await attached.drained()
}

/** True when every action was done. */
async function apply(
  supervisor: Supervisor,
  session: ClientSession,
  request: {
    readonly desired: NonNullable<ReturnType<typeof takeSource>>
    readonly options: UpRequest['options']
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { connection } = session
  const { desired, options, signal } = request
  using _turn = await takeTurn(supervisor, session, desired.stack)
  const { engine } = supervisor
  const { outcomes, observed } = await engine.apply(desired.stack, desired, {
    ...options,
    signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
  connection.send({ kind: 'result', outcomes, observed, interrupted: signal.aborted })
  return outcomes.every(({ kind }) => kind === 'done')
}

/**
 * Disposing it ends the looking for new containers; what is followed already goes on to its end.
 */
interface Attached extends Disposable {
  /** Sends logs until all containers have ended, or `interrupted`, or the client is gone. */
  untilEnd(interrupted: AbortSignal): Promise<void>
  /** The last words of containers that have ended are sent. */
  drained(): Promise<void>
}

/** Follows every container from its start, so that `up` shows its first line. */
function attachTo(engine: Engine, session: ClientSession, stack: string): Attached {
  const feed = new LogFeed(engine, session)
  const since = Date.now()
  const unsubscribe = engine.subscribe((event) => {
    if (event.kind !== 'container' || event.stack !== stack || event.state !== 'started') return
    feed.follow(startedSource(event), { since })
  })
  return {
    [Symbol.dispose]: unsubscribe,
    async untilEnd(interrupted) {
      const signal = AbortSignal.any([session.signal, interrupted])
      const observed = await watchStack(engine, {
        stack,
        signal,
        onStarted: (container) => feed.follow(logSourceOf(container), { since }),
      })
      if (signal.aborted) return
      await feed.settled()
      session.connection.send({ kind: 'all-exited', observed })
    },
    async drained() {
      // One that could not be stopped writes on: it is not waited for.
      await Promise.race([feed.settled(), sleep(LOG_DRAIN_MS, undefined, { ref: false })])
    },
  }
}

/** The replica's number is the end of its name, unless `container_name` gave it another. */
function startedSource(event: Extract<EngineEvent, { kind: 'container' }>): LogSource {
  const { container, service, stack } = event
  const start = `${stack}-${service}-`
  const index = container.startsWith(start) ? Number(container.slice(start.length)) : 1
  return { container, service, index: Number.isSafeInteger(index) ? index : 1 }
}

/** The first interrupt stops, any later one kills; logs are shown until the end. */
async function stop(
  supervisor: Supervisor,
  session: ClientSession,
  run: {
    readonly stack: string
    readonly options: UpRequest['options']
    readonly interrupts: Interrupts
  },
): Promise<void> {
  const { connection } = session
  const { stack, options, interrupts } = run
  const { services, graceMs } = options
  const onEvent = (event: EngineEvent): void => connection.send({ kind: 'event', event })
  connection.send({ kind: 'stopping' })
  using _turn = await takeTurn(supervisor, session, stack)
  const stopped = stopStack(supervisor.engine, stack, { services, graceMs, onEvent })
  // A stop without grace beside the one that waits, which then ends by itself. A mere signal would
  // leave the next services their grace, and be answered by restart policies.
  interrupts.onLater(() => {
    const killed = stopStack(supervisor.engine, stack, { services, graceMs: 0, onEvent: () => {} })
    killed.catch((error: unknown) => console.error(error))
  })
  const { outcomes, observed } = await stopped
  connection.send({ kind: 'result', outcomes, observed, interrupted: true })
}

class Interrupts {
  readonly #first = new AbortController()
  #later: (() => void) | undefined
  #isLater = false

  get first(): AbortSignal {
    return this.#first.signal
  }

  next(): void {
    if (this.#first.signal.aborted) {
      this.#isLater = true
      this.#later?.()
    }
    this.#first.abort()
  }

  /** Calls `listener` at every interrupt after the first, also when it was before this call. */
  onLater(listener: () => void): void {
    this.#later = listener
    if (this.#isLater) listener()
  }
}
