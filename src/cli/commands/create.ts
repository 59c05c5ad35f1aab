/** `tsstack create`: makes containers, networks and volumes, and starts nothing. */

import { Option } from 'commander'
import { carryOut } from '../carry-out.ts'
import {
  addBuildOptions,
  addChangeOptions,
  buildWish,
  planOptions,
  pullOption,
} from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions } from '../options.ts'
import { quietAsking } from '../up-rules.ts'
import type { UpRules } from '../up-rules.ts'

type CreateFlags = ChangeFlags & UpRules & { readonly pull?: string }

export const createCommand: CommandModule = {
  define: (command, run) => {
    addBuildOptions(addChangeOptions(addStackOptions(command)))
      .argument('[services...]')
      .addOption(pullOption())
      .option('--quiet-pull', 'do not show how images are fetched')
      .option('--quiet-build', 'do not show how images are built')
      .addOption(new Option('-y, --yes', 'accepted as in Compose: it asks nothing').hideHelp())
      .action((services: readonly string[], flags: CreateFlags) =>
        run(async (context) => {
          if (context.isDryRun) {
            const { showPlan } = await import('../show-plan.ts')
            await showPlan(context, { ...planOptions(flags, services), noStart: true }, flags)
            return 0
          }
          const source = { kind: 'files', input: context.input(services) } as const
          const options = { ...planOptions(flags, services), noStart: true }
          const asking = quietAsking(context.asking, flags)
          return carryOut(
            { ...context, asking },
            {
              kind: 'up',
              source,
              options,
              attach: false,
              ...buildWish(flags),
              ...(flags.pull && { pull: flags.pull }),
            },
          )
        }),
      )
  },
}
