/** Shows what `up` would do: `plan`, and `up --dry-run`. */

import { placeProblems, RemoteError } from '../daemon/index.ts'
import type { PlannedBuild, ServerMessage, StackInput } from '../daemon/index.ts'
import { type Problem, UsageError } from '../errors.ts'
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
import { inTheWay } from './placed.ts'
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
  const { plan: found, builds = [], problems = [] } = answer
  if (output !== undefined) keep(output, own, { options, plan: found })
  const refusal = await refusalOf(own, problems)
  if (json) await printJson(answer, refusal?.found ?? [])
  else await printText(answer)
  if (refusal !== undefined) throw refusal.error
  return found.actions.length + builds.length
}

type Answer = Extract<ServerMessage, { readonly kind: 'plan' }>

async function printText({ plan, impact, builds = [] }: Answer): Promise<void> {
  const { describe } = await import('../planner/index.ts')
  if (builds.length > 0) print(builds.map(buildText).join('\n'))
  print(describe(plan, { color: hasColor(1) }))
  await printImpact(impact)
}

async function printJson(
  { plan, impact, builds = [] }: Answer,
  problems: readonly unknown[],
): Promise<void> {
  const { planToJson } = await import('../planner/index.ts')
  print(JSON.stringify({ ...planToJson(plan), impact, builds, problems }, undefined, 2))
}

/** What `up` would say instead of carrying the plan out, with the same words; undefined: nothing. */
async function refusalOf(
  input: StackInput,
  problems: readonly Problem[],
): Promise<{ readonly error: Error; readonly found: readonly unknown[] } | undefined> {
  const [first] = problems
  if (first === undefined) return undefined
  const { diagnostics, rendered } = await placeProblems(input, problems)
  const { code } = first
  const message = problems.length === 1 ? first.message : inTheWay(problems.length)
  return {
    error: new RemoteError({ name: 'PreflightError', code, message, rendered }),
    found: diagnostics.map(({ rule, message: text, hint = null, ...place }) => {
      const { file = null, line = null, column = null } = place
      return { rule, message: text, hint, file, line, column }
    }),
  }
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
  const request = { kind: 'plan-down', input: input(), options } as const
  await printText(await askFor(asking, request, 'plan'))
}

/** What a command that takes containers as they are would do. */
export async function showChangePlan(
  { asking, input }: Context,
  verb: LifecycleVerb,
  options: LifecycleOptions,
): Promise<void> {
  const request = { kind: 'plan-change', verb, input: input(), options } as const
  await printText(await askFor(asking, request, 'plan'))
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
