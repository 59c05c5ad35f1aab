/** `tsstack restart`: stops and starts containers; changes of the stack file are for `up`. */

import { changeContainers } from '../carry-out.ts'
import { endOptions, timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const restartCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .addOption(timeoutOption())
      .option('--no-deps', 'leave alone what wants to be restarted with them')
      .action((services: readonly string[], flags: ChangeFlags) =>
        run((context) => changeContainers(context, 'restart', endOptions(flags, services))),
      )
  },
}
