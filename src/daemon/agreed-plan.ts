/** `up FILE`: what was agreed to is what is done, or nothing is. */

import type { Engine } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import type { DesiredState, Plan, PlanOptions } from '../planner/index.ts'

/**
 * Compares with the plan as it is made from what was known of images then: those that were built or
 * fetched since bring digests, volumes and checks that no plan could have.
 * @throws {UsageError} PLAN_OUTDATED
 */
export async function checkAgreed(
  engine: Engine,
  now: {
    readonly expected: Plan
    /** As the files say it. */
    readonly bare: DesiredState
    /** As the images say it as well. */
    readonly desired: DesiredState
    readonly options: PlanOptions
  },
): Promise<void> {
  const { expected, bare, desired, options } = now
  const unknown = withoutImage(expected)
  const before = new Map(bare.containers.map((each) => [each.name, each]))
  const containers = desired.containers.map(
    (each) => (unknown.has(each.name) ? before.get(each.name) : undefined) ?? each,
  )
  const found = await engine.plan(desired.stack, { ...desired, containers }, options)
  // As they travel: absent and undefined are one.
  if (JSON.stringify(expected.actions) !== JSON.stringify(found.actions)) throw outdated(found)
}

/**
 * Compares the steps alone, as they are about to be taken.
 * @throws {UsageError} PLAN_OUTDATED
 */
export function checkSteps(expected: Plan, found: Plan): void {
  if (stepsOf(expected) !== stepsOf(found)) throw outdated(found)
}

function stepsOf({ actions }: Plan): string {
  return JSON.stringify(actions.map(({ id }) => id))
}

/** Containers of which the plan did not know the image. */
function withoutImage({ actions }: Plan): ReadonlySet<string> {
  return new Set(
    actions.flatMap((action) =>
      'container' in action && action.container.spec.imageDigest === undefined
        ? [action.container.name]
        : [],
    ),
  )
}

function outdated({ stack }: Plan): UsageError {
  return new UsageError(
    `Cannot apply the plan for stack "${stack}": the stack, its files, the variables in them or ` +
      'the machine have changed since it was made',
    { code: 'PLAN_OUTDATED', hint: 'look at what there is to do now: tsstack plan' },
  )
}
