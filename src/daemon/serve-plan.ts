/** `plan`: what would happen, and why. */

import { knownImages } from './images/stack-images.ts'
import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'

export async function servePlan(
  { engine }: Supervisor,
  session: ClientSession,
  { source, options }: Extract<Request, { kind: 'plan' }>,
): Promise<void> {
  const taken = takeSource(session, source)
  if (taken === undefined) return
  const desired = knownImages(engine.paths.state, taken)
  const plan = await engine.plan(desired.stack, desired, options)
  session.connection.send({ kind: 'plan', plan, impact: await engine.impact(plan) })
}
