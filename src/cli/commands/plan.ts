/** `tsstack plan`: what `up` would do, and why. Status 0: nothing; 2: something; 1: an error. */

import type { PlanOptions } from '../../planner/index.ts'
import { addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { hasColor, print } from '../output.ts'
import { askFor } from '../request.ts'

export const planCommand: CommandModule = {
  name: 'plan',
  summary: 'show what up would do, and why',
  define: (command, run) => {
    addChangeOptions(addStackOptions(command))
      .argument('[services...]')
      .addOption(jsonOption())
      .action((services: readonly string[], flags: ChangeFlags & PlanFlags) =>
        run((context) => plan(context, planOptions(flags, services), flags)),
      )
  },
}

interface PlanFlags {
  readonly json?: boolean
}

const STATUS_CHANGES = 2

async function plan(
  { asking, input }: Context,
  options: PlanOptions,
  { json = false }: PlanFlags,
): Promise<number> {
  const source = { kind: 'files', input: input(options.services) } as const
  const answer = await askFor(asking, { kind: 'plan', source, options }, 'plan')
  const { describe, planToJson } = await import('../../planner/index.ts')
  const color = hasColor(1)
  if (json) print(JSON.stringify(planToJson(answer.plan), undefined, 2))
  else print(describe(answer.plan, { color }))
  return answer.plan.actions.length > 0 ? STATUS_CHANGES : 0
}
