/**
 * What would stop a plan half-way, looked for before anything is touched, and all of it told at
 * once: networks and volumes that clash or are not there, ports that others have, files that
 * cannot be read.
 */

import { EngineError, PreflightError, type Problem } from '../errors.ts'
import type { DesiredState, Plan } from '../planner/index.ts'
import type { Check } from './checks.ts'
import { checkSources } from './container/check-sources.ts'
import type { Machine } from './machine.ts'
import { checkNetworks } from './network/preflight.ts'
import { checkVolumes } from './volume/preflight.ts'

/** Throws one {@link PreflightError} for everything that `plan` would fail of. */
export function checkPlan(machine: Machine, plan: Plan, desired: DesiredState | undefined): void {
  const [first, ...others] = findProblems(machine, plan, desired)
  if (first !== undefined) throw new PreflightError([first, ...others])
}

/** The same as values. Replicas that say the same say it once. */
export function findProblems(
  machine: Machine,
  plan: Plan,
  desired: DesiredState | undefined,
): readonly Problem[] {
  const found = [
    ...(desired ? checkNetworks(machine, plan, desired) : []),
    ...(desired ? checkVolumes(machine, plan, desired) : []),
    ...checkSources(machine, plan),
  ].flatMap(problemsOf)
  return [...new Map(found.map((problem) => [keyOf(problem), problem])).values()]
}

function problemsOf({ about, look }: Check): readonly Problem[] {
  try {
    look()
    return []
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const { code, message, hint } = error
    return [{ about, code, message, ...(hint !== undefined && { hint }) }]
  }
}

function keyOf({ about, message }: Problem): string {
  return 'key' in about ? `${about.kind} ${about.key}` : message
}
