/**
 * `up`: makes the stack as its files say; attached, it stays until the containers end or are
 * stopped.
 */

import { applyAndTell } from './apply-and-tell.ts'
import { tellBuilds } from './building/tell.ts'
import { attachTo } from './attach.ts'
import { agreeOnLosses, Answers } from './ask-client.ts'
import { cascadeOf } from './cascade.ts'
import { checkFirst } from './check-first.ts'
import { Interrupts } from './interrupts.ts'
import type { Request } from './protocol.ts'
import { shownServices } from './shown-services.ts'
import { stopAndTell } from './stop-and-tell.ts'
import { namesOf, untilReady } from './until-ready.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'

type UpRequest = Extract<Request, { kind: 'up' }>

export async function serveUp(
  supervisor: Supervisor,
  session: ClientSession,
  request: UpRequest,
): Promise<void> {
  const { source, options, pull, attach, build, wait, expected, losses } = request
  const desired = takeSource(session, source)
  if (desired === undefined) return
  const check = (): Promise<void> => checkFirst(supervisor, session, { desired, options })
  if (await tellBuilds(supervisor, session, { desired, options, build, check })) return
  const { stack } = desired
  const names = namesOf(desired.containers, options.services)
  const { engine } = supervisor
  const interrupts = new Interrupts()
  const answers = new Answers()
  session.listener = {
    onSignal: (message) => {
      if (message.kind === 'interrupt') interrupts.next()
      if (message.kind === 'answer') answers.hear(message.yes)
    },
  }
  const shown = shownServices(desired, options, request.follow ?? {})
  const { abort } = request
  using cascade = cascadeOf(engine, session, { abort, desired, shown, interrupts })
  using attached = attach ? attachTo(engine, session, stack, { shown }) : undefined
  const ok = await applyAndTell(supervisor, session, {
    desired,
    options,
    pull,
    signal: interrupts.first,
    expected,
    agree: (found) => {
      const { first: signal } = interrupts
      return agreeOnLosses(engine, session, { desired: found, options, losses, answers, signal })
    },
    ...(wait && {
      ready: (signal) => untilReady(engine, { stack, names, signal, wait }),
    }),
  })
  if (attached === undefined) return
  if (ok) await attached.untilEnd(interrupts.first)
  if (!interrupts.first.aborted) return
  await stopAndTell(supervisor, session, { stack, options, interrupts })
  await attached.drained()
  await cascade?.tell(session)
}
