/** The plan for one stack, from what is desired and what the machine has now. */

import { type DesiredState, plan, type Plan, type PlanOptions } from '../planner/index.ts'
import type { Machine } from './machine.ts'
import { observeStack } from './observe.ts'

/** What `apply` would do now. */
export function planStack(
  machine: Machine,
  wanted: {
    readonly stack: string
    readonly desired: DesiredState | undefined
    readonly options: PlanOptions
  },
): Plan {
  const { stack, desired, options } = wanted
  return plan({ desired, observed: observeStack(machine, stack), now: machine.now(), options })
}
