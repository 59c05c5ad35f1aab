/** `tsstack watch`: keeps a stack as its files say, without its logs, until Ctrl-C. */

import { addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'
import { quietAsking } from '../up-rules.ts'

export const watchCommand: CommandModule = {
  define: (command, run) => {
    addChangeOptions(addStackOptions(command))
      .argument('[services...]')
      .option('--no-up', 'leave the stack as it is until something changes')
      .option('--quiet', 'do not show how images are built')
      .option('--prune [boolean]', 'accepted as in Compose: earlier images stay until image prune')
      .action((services: readonly string[], flags: WatchFlags) =>
        run(async (context) => {
          const { followFiles } = await import('../follow-files.ts')
          const asking = quietAsking(context.asking, { quietBuild: flags.quiet === true })
          return followFiles(
            { ...context, asking },
            {
              options: planOptions(flags, services),
              flags: { logPrefix: true },
              attach: false,
              mode: flags.up ? 'now' : 'changes',
              build: flags.up ? { build: 'missing' } : {},
            },
          )
        }),
      )
  },
}

interface WatchFlags extends ChangeFlags {
  readonly up: boolean
  readonly quiet?: boolean
}
