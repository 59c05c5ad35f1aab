/** The planner: desired state minus observed state is a plan. Pure. The front door of this room. */

export type * from './model.ts'
export type { PlanOptions } from './options.ts'
export { diffSpec } from './diff.ts'
export { effect } from './effect.ts'
export { plan, type PlanRequest } from './plan.ts'
