/** `events`: what has happened to a stack, and what happens. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineEvent } from '../engine/index.ts'
import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectContainers } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

/** The longest time that a timer takes, 24 days: nobody waits longer for an end. */
const TIMER_MS_MAX = 0x7fffffff

export async function serveEvents(
  { engine, memory }: Supervisor,
  { connection, signal }: ClientSession,
  { input, services, since, until }: Extract<Request, { kind: 'events' }>,
): Promise<void> {
  const stack = await resolveStack(engine, input)
  selectContainers(engine, engine.observeContainers(stack), services)
  const send = (event: EngineEvent): void => {
    const isWanted = event.stack === stack && concerns(event, services)
    if (isWanted && (until === undefined || event.time <= until)) {
      connection.send({ kind: 'event', event })
    }
  }
  const past = since === undefined ? [] : memory.since(since)
  for (const event of past) send(event)
  const unsubscribe = engine.subscribe(send)
  try {
    await untilEnd(signal, until)
  } finally {
    unsubscribe()
  }
}

function concerns(event: EngineEvent, services: readonly string[]): boolean {
  if (services.length === 0) return true
  if (event.kind === 'drift') return true
  return event.kind === 'container' && services.includes(event.service)
}

/** Resolves when the client is gone, or at the time `until`. */
async function untilEnd(signal: AbortSignal, until: number | undefined): Promise<void> {
  const leftMs = until === undefined ? TIMER_MS_MAX : until - Date.now()
  if (leftMs <= 0) return
  try {
    await sleep(Math.min(leftMs, TIMER_MS_MAX), undefined, { signal })
  } catch {
    // The client is gone.
  }
}
