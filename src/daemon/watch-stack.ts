/** Waits for the containers of a stack to come and to go. */

import { Bell, type Engine, type EngineEvent } from '../engine/index.ts'
import { isAlive, type ObservedContainer, type ObservedState } from '../planner/index.ts'

export interface StackWatch {
  readonly stack: string
  /** Ends the watch. */
  readonly signal: AbortSignal
  /** Services for whose end it waits; absent: all. */
  readonly awaits?: (service: string) => boolean
  readonly onStarted: (container: ObservedContainer) => void
}

/** Resolves when nothing of the stack runs or is about to, or when `signal` is aborted. */
export async function watchStack(
  engine: Engine,
  { stack, signal, onStarted, awaits = () => true }: StackWatch,
): Promise<ObservedState> {
  const bell = new Bell()
  const unsubscribe = engine.subscribe((event) => {
    if (event.stack === stack && isLife(event)) bell.ring()
  })
  const wake = (): void => bell.ring()
  signal.addEventListener('abort', wake)
  try {
    for (;;) {
      const observed = await engine.observe(stack)
      for (const each of observed.containers) if (each.state === 'running') onStarted(each)
      const awaited = observed.containers.filter(({ service }) => awaits(service))
      if (signal.aborted || !awaited.some(isAlive)) return observed
      await bell.rung()
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', wake)
  }
}

function isLife(event: EngineEvent): boolean {
  return event.kind === 'container' && event.state !== 'healthy' && event.state !== 'unhealthy'
}
