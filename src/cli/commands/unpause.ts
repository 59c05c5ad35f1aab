/** `tsstack unpause`: lets paused processes go on. */

import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const unpauseCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .action((services: readonly string[]) =>
        run((context) => changeContainers(context, 'unpause', { services })),
      )
  },
}
