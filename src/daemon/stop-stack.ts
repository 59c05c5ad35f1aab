/** Ends what an attached `up` has started. */

import type { ApplyResult, Engine, EngineEvent } from '../engine/index.ts'

/** Stops the containers of a stack in their order and removes them; volumes stay. */
export function stopStack(
  engine: Engine,
  stack: string,
  options: {
    /** Milliseconds until SIGKILL; absent: each service's own. */
    readonly graceMs?: number | undefined
    readonly onEvent: (event: EngineEvent) => void
  },
): Promise<ApplyResult> {
  return engine.apply(stack, undefined, options)
}

/** SIGKILL to everything of the stack that runs: a stop that is under way then ends by itself. */
export async function killStack(engine: Engine, stack: string): Promise<void> {
  const { containers } = await engine.observe(stack)
  const running = containers.filter(({ state }) => state === 'running')
  // One that has ended in the meantime is what was wanted.
  await Promise.allSettled(running.map(({ name }) => engine.kill(name, 'SIGKILL')))
}
