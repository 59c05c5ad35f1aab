/** `tsstack plan`: what `up` would do, and why. Status 0: nothing; 2: something; 1: an error. */

import type { StackInput } from '../../daemon/index.ts'
import type { Plan, PlanOptions } from '../../planner/index.ts'
import { addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { hasColor, print } from '../output.ts'
import { writePlanFile } from '../plan-file.ts'
import type { PlanFile } from '../plan-file.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const planCommand: CommandModule = {
  define: (command, run) => {
    addChangeOptions(addStackOptions(command))
      .argument('[services...]')
      .option('-o, --output <file>', 'keep it in a file, for: tsstack up FILE')
      .addOption(jsonOption())
      .action((services: readonly string[], flags: ChangeFlags & PlanFlags) =>
        run((context) => plan(context, planOptions(flags, services), flags)),
      )
  },
}

interface PlanFlags {
  readonly output?: string
  readonly json?: boolean
}

const STATUS_CHANGES = 2

async function plan(
  { asking, input }: Context,
  options: PlanOptions,
  { json = false, output }: PlanFlags,
): Promise<number> {
  const own = input(options.services)
  const source = { kind: 'files', input: own } as const
  const answer = await askFor(asking, { kind: 'plan', source, options }, 'plan')
  const { describe, impactText, planToJson } = await import('../../planner/index.ts')
  const { plan: found, impact } = answer
  if (output !== undefined) keep(output, own, { options, plan: found })
  const color = hasColor(1)
  if (json) print(JSON.stringify({ ...planToJson(found), impact }, undefined, 2))
  else print(describe(found, { color }))
  const text = json || impact === undefined ? undefined : impactText(impact)
  if (text !== undefined) print(safeText(text))
  return found.actions.length > 0 ? STATUS_CHANGES : 0
}

function keep(
  path: string,
  own: StackInput,
  made: { readonly options: PlanOptions; readonly plan: Plan },
): void {
  const input: Partial<StackInput> & PlanFile['input'] = { ...own }
  delete (input as { env?: unknown }).env
  writePlanFile(path, { tsstackPlan: 1, madeAt: new Date().toISOString(), input, ...made })
}
