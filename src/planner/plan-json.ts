/** A plan as a machine reads it: a stable shape, documented here. */

import type { Action, Dependency, Plan } from './model.ts'
import { withoutSecrets } from './secrets.ts'
import { stepsOf, subjectOf, summaryOf, type Step, type Summary } from './steps.ts'

/** Fields are only ever added while `version` is 1. Secret values are hidden as in the text. */
export interface PlanJson {
  readonly version: 1
  readonly stack: string
  /** False when `actions` is empty. */
  readonly changes: boolean
  /** Numbers of steps by kind of change. */
  readonly summary: Summary
  /** What changes, one entry per network, volume and container. */
  readonly steps: readonly Step[]
  /** How it is done: each action waits for those named in `after`. */
  readonly actions: readonly ActionJson[]
  readonly notes: readonly string[]
}

export interface ActionJson {
  readonly id: string
  readonly kind: Action['kind']
  readonly name: string
  readonly service?: string
  readonly after: readonly string[]
  readonly reason: string
  /** Of a start: those that must have ended first, done or not. */
  readonly afterEnd?: readonly string[]
  /** Of a start. */
  readonly waitFor?: readonly Dependency[]
  /** Of a stop, in milliseconds. */
  readonly graceMs?: number
  /** Of a removal. */
  readonly anonymousVolumes?: boolean
}

/** The plan as plain data for `JSON.stringify`. */
export function planToJson(plan: Plan): PlanJson {
  const steps = stepsOf(plan)
  return {
    version: 1,
    stack: plan.stack,
    changes: plan.actions.length > 0,
    summary: summaryOf(steps),
    steps: steps.map((step) => ({
      ...step,
      fields: step.fields.map(withoutSecrets).map(({ path, before, after }) => ({
        path,
        before: before ?? null,
        after: after ?? null,
      })),
    })),
    actions: plan.actions.map(actionToJson),
    notes: plan.notes,
  }
}

function actionToJson(action: Action): ActionJson {
  const { id, kind, after, reason } = action
  const service = 'container' in action ? action.container.service : undefined
  return {
    id,
    kind,
    name: subjectOf(action),
    ...(service === undefined ? {} : { service }),
    ...('service' in action ? { service: action.service } : {}),
    after,
    reason,
    ...('afterEnd' in action ? { afterEnd: action.afterEnd ?? [] } : {}),
    ...('waitFor' in action ? { waitFor: action.waitFor } : {}),
    ...('graceMs' in action ? { graceMs: action.graceMs } : {}),
    ...('anonymousVolumes' in action ? { anonymousVolumes: action.anonymousVolumes } : {}),
  }
}
