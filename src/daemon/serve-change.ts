/** `start`, `stop`, `restart`, `kill`, `pause`, `unpause`, `rm`: containers as they are. */

import { changeInTurn } from './change-in-turn.ts'
import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export function serveChange(
  supervisor: Supervisor,
  session: ClientSession,
  { verb, input, options }: Extract<Request, { kind: 'change' }>,
): Promise<void> {
  return changeInTurn(supervisor, session, input, (stack, how) =>
    supervisor.engine.change(stack, verb, { ...options, ...how }),
  )
}
