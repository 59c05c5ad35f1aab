/** `down`: the stack is to be gone. Works from records: it needs no stack file. */

import { changeInTurn } from './change-in-turn.ts'
import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export function serveDown(
  supervisor: Supervisor,
  session: ClientSession,
  { input, options }: Extract<Request, { kind: 'down' }>,
): Promise<void> {
  return changeInTurn(supervisor, session, input, (stack, how) =>
    supervisor.engine.apply(stack, undefined, { ...options, ...how }),
  )
}
