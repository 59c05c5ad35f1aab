/** `tsstack create`: makes containers, networks and volumes, and starts nothing. */

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

export const createCommand: CommandModule = {
  define: (command, run) => {
    addBuildOptions(addChangeOptions(addStackOptions(command)))
      .argument('[services...]')
      .addOption(pullOption())
      .action((services: readonly string[], flags: ChangeFlags & { readonly pull?: string }) =>
        run((context) => {
          const source = { kind: 'files', input: context.input(services) } as const
          const options = { ...planOptions(flags, services), noStart: true }
          return carryOut(context, {
            kind: 'up',
            source,
            options,
            attach: false,
            ...buildWish(flags),
            ...(flags.pull && { pull: flags.pull }),
          })
        }),
      )
  },
}
