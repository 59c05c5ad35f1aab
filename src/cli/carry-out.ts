/** Has the supervisor change a stack, shows how it goes, and says what failed. */

import type { Request, WaitRequest } from '../daemon/index.ts'
import type { LifecycleOptions, LifecycleVerb } from '../planner/index.ts'
import type { Context } from './context.ts'
import { Interruption } from './interrupt.ts'
import { reportOutcomes } from './outcome.ts'
import { createProgress } from './progress.ts'
import { ask } from './request.ts'

/** The exit status. Ctrl-C ends it after the actions that have begun. */
export async function carryOut(context: Context, request: Request): Promise<number> {
  const { asking, paint } = context
  const progress = await createProgress()
  let status = 0
  using interruption = new Interruption()
  for await (const answer of ask(interruption.of(asking), request)) {
    interruption.heard()
    if (answer.kind !== 'message') continue
    const { message } = answer
    if (message.kind === 'plan') progress.begin(message.plan)
    if (message.kind === 'event') progress.event(message.event)
    if (message.kind !== 'result') continue
    await progress.end()
    status = reportOutcomes(message.outcomes, { interrupted: message.interrupted, paint })
  }
  return status
}

/** The commands that take containers as they are. */
export async function changeContainers(
  context: Context,
  verb: LifecycleVerb,
  options: LifecycleOptions,
  wait?: WaitRequest,
): Promise<number> {
  if (context.isDryRun) {
    const { showChangePlan } = await import('./show-plan.ts')
    await showChangePlan(context, verb, options)
    return 0
  }
  const input = context.input()
  return carryOut(context, { kind: 'change', verb, input, options, ...(wait && { wait }) })
}
