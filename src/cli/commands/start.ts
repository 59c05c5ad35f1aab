/** `tsstack start`: starts what was stopped, and what it depends on. */

import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { waitOf, waitTimeoutOption } from '../change-options.ts'
import type { WaitFlags } from '../change-options.ts'
import { addStackOptions } from '../options.ts'

export const startCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('--wait', 'return when everything runs and is healthy')
      .addOption(waitTimeoutOption())
      .action((services: readonly string[], flags: WaitFlags) =>
        run((context) => changeContainers(context, 'start', { services }, waitOf(flags))),
      )
  },
}
