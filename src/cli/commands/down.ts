/** `tsstack down`: stops and removes what belongs to a stack. Needs no stack file. */

import type { PlanOptions } from '../../planner/index.ts'
import { carryOut } from '../carry-out.ts'
import { planOptions, timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions } from '../options.ts'

export const downCommand: CommandModule = {
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

function down(context: Context, options: PlanOptions): Promise<number> {
  return carryOut(context, { kind: 'down', input: context.input(), options })
}
