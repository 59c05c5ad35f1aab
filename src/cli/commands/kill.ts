/** `tsstack kill`: sends a signal to the first process of containers. */

import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const killCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-s, --signal <signal>', 'a name of signal(7) or its number', 'SIGKILL')
      .option('--remove-orphans', 'accepted as in Compose: they get the signal anyway')
      .action((services: readonly string[], { signal }: { readonly signal: string }) =>
        run((context) => changeContainers(context, 'kill', { services, killSignal: signal })),
      )
  },
}
