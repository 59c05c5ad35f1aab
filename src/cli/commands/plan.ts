/** `tsstack plan`: what `up` would do, and why. Status 0: nothing; 2: something; 1: an error. */

import { addBuildOptions, addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { showPlan } from '../show-plan.ts'
import type { PlanFlags } from '../show-plan.ts'

export const planCommand: CommandModule = {
  define: (command, run) => {
    addBuildOptions(addChangeOptions(addStackOptions(command)))
      .argument('[services...]')
      .option('-o, --output <file>', 'keep it in a file, for: tsstack up FILE')
      .addOption(jsonOption())
      .action((services: readonly string[], flags: ChangeFlags & PlanFlags) =>
        run(async (context) => {
          const things = await showPlan(context, planOptions(flags, services), flags)
          return things > 0 ? STATUS_CHANGES : 0
        }),
      )
  },
}

const STATUS_CHANGES = 2
