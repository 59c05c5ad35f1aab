/** Stops a stack when an attached `up` is interrupted, and tells the client of it. */

import type { EngineEvent } from '../engine/index.ts'
import type { PlanOptions } from '../planner/index.ts'
import type { Interrupts } from './interrupts.ts'
import { stopStack } from './stop-stack.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'
import { sayError } from './say.ts'

/** The first interrupt stops, any later one kills; logs are shown until the end. */
export async function stopAndTell(
  supervisor: Supervisor,
  session: ClientSession,
  run: {
    readonly stack: string
    readonly options: PlanOptions
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
    killed.catch((error: unknown) => sayError(error))
  })
  const { outcomes, observed } = await stopped
  connection.send({ kind: 'result', outcomes, observed, interrupted: true })
}
