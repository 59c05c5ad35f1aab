/** `tsstack wait`: until containers have ended; its status is that of the last one. */

import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions } from '../options.ts'
import { reportOutcomes } from '../outcome.ts'
import { print } from '../output.ts'
import { createProgress } from '../progress.ts'
import { ask } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const waitCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<services...>')
      .option('--down-project', 'take the stack down when the first has ended')
      .action((services: readonly string[], flags: { readonly downProject?: boolean }) =>
        run((context) => wait(context, services, flags.downProject === true)),
      )
  },
}

async function wait(
  { asking, input, paint }: Context,
  services: readonly string[],
  downProject: boolean,
): Promise<number> {
  const progress = await createProgress()
  let status = 0
  let failed = 0
  const request = { kind: 'wait', input: input(), services, downProject } as const
  for await (const answer of ask(asking, request)) {
    if (answer.kind !== 'message') continue
    const { message } = answer
    if (message.kind === 'ended') {
      const { container, exitCode } = message
      print(`container ${safeText(container)}: exited (${exitCode})`)
      status = exitCode
    }
    if (message.kind === 'event') progress.event(message.event)
    if (message.kind !== 'result') continue
    await progress.end()
    failed = reportOutcomes(message.outcomes, { interrupted: message.interrupted, paint })
  }
  return status === 0 ? failed : status
}
