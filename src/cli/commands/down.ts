/** `tsstack down`: stops and removes what belongs to a stack. Needs no stack file. */

import type { Session } from '../../daemon/index.ts'
import type { PlanOptions } from '../../planner/index.ts'
import { planOptions, timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { onInterrupt } from '../interrupt.ts'
import { addStackOptions } from '../options.ts'
import { reportOutcomes } from '../outcome.ts'
import { createProgress } from '../progress.ts'
import { ask } from '../request.ts'

export const downCommand: CommandModule = {
  name: 'down',
  summary: 'stop and remove containers and networks',
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-v, --volumes', 'remove the volumes of the stack as well')
      .option('--remove-orphans', 'accepted as in Compose: they are removed anyway')
      .addOption(timeoutOption())
      .action((services: readonly string[], flags: ChangeFlags) =>
        run((context) => down(context, planOptions(flags, services))),
      )
  },
}

async function down(context: Context, options: PlanOptions): Promise<number> {
  const { asking, input, paint } = context
  const progress = await createProgress()
  let session: Session | undefined
  let status = 0
  using _handler = onInterrupt(() => session?.send({ kind: 'interrupt' }))
  const request = { kind: 'down', input: input(), options } as const
  const answers = ask({ ...asking, onSession: (opened) => (session = opened) }, request)
  for await (const answer of answers) {
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
