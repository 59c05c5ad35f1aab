/** `tsstack rollback`: makes a stack again as it was applied once. */

import { carryOut } from '../carry-out.ts'
import { timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions } from '../options.ts'
import { say } from '../output.ts'
import { readHistory, revisionOf } from '../revisions.ts'

export const rollbackCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[revision]', 'number, or -1 for the one before the newest', '-1')
      .addOption(timeoutOption())
      .action((revision: string, flags: ChangeFlags) =>
        run((context) => rollback(context, revision, flags)),
      )
  },
}

async function rollback(context: Context, word: string, { timeout }: ChangeFlags): Promise<number> {
  const { number, desired } = revisionOf(await readHistory(context), word)
  const options = { removeOrphans: true, ...(timeout !== undefined && { graceMs: timeout * 1000 }) }
  const source = { kind: 'desired', desired } as const
  const status = await carryOut(context, { kind: 'up', source, options, attach: false })
  if (status === 0) say(`as revision ${number} was; the stack file may say otherwise`)
  return status
}
