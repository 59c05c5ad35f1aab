/** `tsstack pause`: freezes every process of the services. */

import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const pauseCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .action((services: readonly string[]) =>
        run((context) => changeContainers(context, 'pause', { services })),
      )
  },
}
