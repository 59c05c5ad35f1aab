/** An attached `up` goes on at a supervisor that has adopted what the one before it had started. */

import { attachTo } from './attach.ts'
import { cascadeOf } from './cascade.ts'
import { Interrupts } from './interrupts.ts'
import type { Request } from './protocol.ts'
import { shownServices } from './shown-services.ts'
import { stopAndTell } from './stop-and-tell.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export async function serveRejoin(
  supervisor: Supervisor,
  session: ClientSession,
  { stack, options, resume, since, follow, abort }: Extract<Request, { kind: 'rejoin' }>,
): Promise<void> {
  const interrupts = new Interrupts()
  // As its files were when it was made: they may say something else by now.
  const desired = supervisor.engine.desired(stack)
  const shown = desired && shownServices(desired, options, follow ?? {})
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupts.next() }
  using cascade =
    desired &&
    shown &&
    cascadeOf(supervisor.engine, session, { abort, desired, shown, interrupts, since })
  using attached = attachTo(supervisor.engine, session, stack, { resume, ...(shown && { shown }) })
  await cascade?.look()
  await attached.untilEnd(interrupts.first)
  if (!interrupts.first.aborted) return
  await stopAndTell(supervisor, session, { stack, options, interrupts })
  await attached.drained()
  await cascade?.tell(session)
}
