/** An attached `up` goes on at a supervisor that has adopted what the one before it had started. */

import { attachTo } from './attach.ts'
import { Interrupts } from './interrupts.ts'
import type { Request } from './protocol.ts'
import { stopAndTell } from './stop-and-tell.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export async function serveRejoin(
  supervisor: Supervisor,
  session: ClientSession,
  { stack, options, resume }: Extract<Request, { kind: 'rejoin' }>,
): Promise<void> {
  const interrupts = new Interrupts()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupts.next() }
  using attached = attachTo(supervisor.engine, session, stack, { resume })
  await attached.untilEnd(interrupts.first)
  if (!interrupts.first.aborted) return
  await stopAndTell(supervisor, session, { stack, options, interrupts })
  await attached.drained()
}
