/** `tsstack stop`: stops containers, dependents first, and keeps them. */

import { changeContainers } from '../carry-out.ts'
import { endOptions, timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const stopCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .addOption(timeoutOption())
      .action((services: readonly string[], flags: ChangeFlags) =>
        run((context) => changeContainers(context, 'stop', endOptions(flags, services))),
      )
  },
}
