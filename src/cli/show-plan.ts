/** Shows what `up` would do: `plan`, and `up --dry-run`. */

import type { PlannedBuild, StackInput } from '../daemon/index.ts'
import { UsageError } from '../errors.ts'
import type {
  Impact,
  LifecycleOptions,
  LifecycleVerb,
  Plan,
  PlanOptions,
} from '../planner/index.ts'
import { buildWish } from './change-options.ts'
import type { ChangeFlags } from './change-options.ts'
import type { Context } from './context.ts'
import { hasColor, print } from './output.ts'
import { writePlanFile } from './plan-file.ts'
import type { PlanFile } from './plan-file.ts'
import { askFor } from './request.ts'
import { safeText } from './safe-text.ts'

export interface PlanFlags {
  readonly output?: string
  readonly json?: boolean
}

/** The number of things to do. */
export async function showPlan(
  { asking, input }: Context,
  options: PlanOptions,
  { json = false, output, ...flags }: ChangeFlags & PlanFlags,
): Promise<number> {
  if (output !== undefined && flags.build === true) throw cannotKeepBuilds()
  const own = input(options.services)
  const source = { kind: 'files', input: own } as const
  const request = { kind: 'plan', source, options, ...buildWish(flags) } as const
  const answer = await askFor(asking, request, 'plan')
  const { describe, planToJson } = await import('../planner/index.ts')
  const { plan: found, impact, builds = [] } = answer
  if (output !== undefined) keep(output, own, { options, plan: found })
  const color = hasColor(1)
  if (json) print(JSON.stringify({ ...planToJson(found), impact, builds }, undefined, 2))
  else {
    if (builds.length > 0) print(builds.map(buildText).join('\n'))
    print(describe(found, { color }))
  }
  if (!json) await printImpact(impact)
  return found.actions.length + builds.length
}

/** What has no image yet is built when the plan is carried out; what has one stays as it is. */
function cannotKeepBuilds(): UsageError {
  return new UsageError('Cannot keep a plan with --build: nobody knows what a build will give', {
    hint: 'build first: tsstack build; then plan -o FILE',
  })
}

/** What `down` would do. */
export async function showDownPlan(context: Context, options: PlanOptions): Promise<void> {
  const { asking, input } = context
  const { plan, impact } = await askFor(
    asking,
    { kind: 'plan-down', input: input(), options },
    'plan',
  )
  const { describe } = await import('../planner/index.ts')
  print(describe(plan, { color: hasColor(1) }))
  await printImpact(impact)
}

/** What a command that takes containers as they are would do. */
export async function showChangePlan(
  { asking, input }: Context,
  verb: LifecycleVerb,
  options: LifecycleOptions,
): Promise<void> {
  const request = { kind: 'plan-change', verb, input: input(), options } as const
  const { plan } = await askFor(asking, request, 'plan')
  const { describe } = await import('../planner/index.ts')
  print(describe(plan, { color: hasColor(1) }))
}

async function printImpact(impact: Impact | undefined): Promise<void> {
  if (impact === undefined) return
  const { impactText } = await import('../planner/index.ts')
  const text = impactText(impact)
  if (text !== undefined) print(safeText(text))
}

function buildText({ service, image, isMissing }: PlannedBuild): string {
  const why = isMissing ? 'there is no image yet' : 'asked for by --build'
  return `+ build image ${safeText(image)} of ${safeText(service)}: ${why}`
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
