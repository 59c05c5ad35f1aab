/** `tsstack start`: starts what was stopped, and what it depends on. */

import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const startCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .action((services: readonly string[]) =>
        run((context) => changeContainers(context, 'start', { services })),
      )
  },
}
