/** `plan`: what would happen, and why. */

import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'

export async function servePlan(
  { engine }: Supervisor,
  session: ClientSession,
  { source, options }: Extract<Request, { kind: 'plan' }>,
): Promise<void> {
  const desired = takeSource(session, source)
  if (desired === undefined) return
  const plan = await engine.plan(desired.stack, desired, options)
  session.connection.send({ kind: 'plan', plan })
}
