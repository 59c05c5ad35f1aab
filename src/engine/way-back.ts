/** What a stack is to be when an update with `failure_action: rollback` has failed. */

import { isDeepStrictEqual } from 'node:util'
import type { DesiredState } from '../planner/index.ts'
import type { Machine } from './machine.ts'
import { readRevisions } from './records/history.ts'
import type { Outcome } from './types.ts'

export interface WayBack {
  readonly desired: DesiredState
  /** That go back. */
  readonly services: readonly string[]
}

/**
 * `desired` with the services that failed as they were applied before; undefined when none is to go
 * back, or there was nothing else before.
 */
export function wayBack(
  machine: Machine,
  desired: DesiredState,
  outcomes: readonly Outcome[],
): WayBack | undefined {
  const unique = new Set(
    outcomes.flatMap(({ kind, action }) =>
      kind === 'failed' &&
      action.kind === 'settle-update' &&
      action.rule.failureAction === 'rollback'
        ? [action.service]
        : [],
    ),
  )
  const failed = [...unique]
  if (failed.length === 0) return undefined
  const revisions = readRevisions(machine.paths, desired.stack).toReversed()
  const found = failed.flatMap((service) => {
    const now = ofService(desired, service)
    const before = revisions.find((revision) => {
      const then = ofService(revision.desired, service)
      return then.length > 0 && !isDeepStrictEqual(then, now)
    })
    return before === undefined ? [] : [{ service, before: before.desired }]
  })
  if (found.length === 0) return undefined
  const services = found.map(({ service }) => service)
  const kept = desired.containers.filter((each) => !services.includes(each.service))
  const containers = found.flatMap(({ service, before }) => ofService(before, service))
  const updates = found.flatMap(({ service, before }) => updateOf(desired, before, service))
  return {
    desired: {
      ...desired,
      containers: [...kept, ...containers],
      updates: { ...desired.updates, ...Object.fromEntries(updates) },
    },
    services,
  }
}

/** The rules are today's; the places are those that the service had. */
function updateOf(desired: DesiredState, before: DesiredState, service: string) {
  const rules = desired.updates?.[service]
  if (rules === undefined) return []
  return [[service, { ...rules, spares: before.updates?.[service]?.spares ?? [] }] as const]
}

function ofService({ containers }: DesiredState, service: string): DesiredState['containers'] {
  return containers.filter((each) => each.service === service)
}
