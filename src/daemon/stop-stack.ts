/** Ends what an attached `up` has started. */

import type { ApplyResult, Engine, EngineEvent } from '../engine/index.ts'

/**
 * Stops the containers of a stack in their order and keeps them, as Compose does. Of `services`
 * those that were never made need no stop.
 */
export async function stopStack(
  engine: Engine,
  stack: string,
  { services = [], graceMs, onEvent }: StopStackOptions,
): Promise<ApplyResult> {
  const observed = await engine.observe(stack)
  const existing = new Set(observed.containers.map(({ service }) => service))
  const wanted = services.filter((service) => existing.has(service))
  if (services.length > 0 && wanted.length === 0) return { outcomes: [], observed }
  return engine.stop(stack, { services: wanted, graceMs, onEvent })
}

interface StopStackOptions {
  /** Absent or empty: all. */
  readonly services?: readonly string[] | undefined
  /** Milliseconds until SIGKILL; 0: at once; absent: each service's own. */
  readonly graceMs?: number | undefined
  readonly onEvent: (event: EngineEvent) => void
}
