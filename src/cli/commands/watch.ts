/** `tsstack watch`: keeps a stack as its files say, without its logs, until Ctrl-C. */

import { addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'

export const watchCommand: CommandModule = {
  define: (command, run) => {
    addChangeOptions(addStackOptions(command))
      .argument('[services...]')
      .option('--no-up', 'leave the stack as it is until something changes')
      .action((services: readonly string[], flags: ChangeFlags & { readonly up: boolean }) =>
        run(async (context) => {
          const { followFiles } = await import('../follow-files.ts')
          return followFiles(context, {
            options: planOptions(flags, services),
            flags: { logPrefix: true },
            attach: false,
            mode: flags.up ? 'now' : 'changes',
            build: flags.up ? { build: 'missing' } : {},
          })
        }),
      )
  },
}
