/**
 * `up`: makes the stack as its files say; attached, it stays until the containers end or are
 * stopped.
 */

import { applyAndTell } from './apply-and-tell.ts'
import { tellBuilds } from './building/tell.ts'
import { attachTo } from './attach.ts'
import { Interrupts } from './interrupts.ts'
import type { Request } from './protocol.ts'
import { stopAndTell } from './stop-and-tell.ts'
import { untilReady } from './until-ready.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'

type UpRequest = Extract<Request, { kind: 'up' }>

export async function serveUp(
  supervisor: Supervisor,
  session: ClientSession,
  { source, options, pull, attach, build, wait, expected }: UpRequest,
): Promise<void> {
  const desired = takeSource(session, source)
  if (desired === undefined) return
  if (tellBuilds(supervisor, session, { desired, options, build })) return
  const { stack } = desired
  const interrupts = new Interrupts()
  session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && interrupts.next() }
  using attached = attach ? attachTo(supervisor.engine, session, stack) : undefined
  const ok = await applyAndTell(supervisor, session, {
    desired,
    options,
    pull,
    signal: interrupts.first,
    expected,
    ...(wait && {
      ready: (signal) => untilReady(supervisor.engine, { desired, options, signal, wait }),
    }),
  })
  if (attached === undefined) return
  if (ok) await attached.untilEnd(interrupts.first)
  if (!interrupts.first.aborted) return
  await stopAndTell(supervisor, session, { stack, options, interrupts })
  await attached.drained()
}
