/**
 * Which of its places each service takes that is updated start-first. It has twice as many as it
 * has replicas, so that a new one can run beside the one that it follows; what it has already and
 * is as desired stays where it is.
 */

import { isAlive } from './is-alive.ts'
import type { DesiredContainer, DesiredState, ObservedContainer } from './model.ts'
import type { ServiceUpdate } from './model-update.ts'

/** Everything that a stack may have a container for. */
export function placesOf({ containers, updates }: DesiredState): readonly DesiredContainer[] {
  return [...containers, ...Object.values(updates ?? {}).flatMap(({ spares }) => spares)]
}

/** `desired` with a change of each container that it may have. */
export function mapPlaces(
  desired: DesiredState,
  change: (container: DesiredContainer) => DesiredContainer,
): DesiredState {
  const { containers, updates } = desired
  if (updates === undefined) return { ...desired, containers: containers.map(change) }
  const changed = Object.entries(updates).map(
    ([service, update]) => [service, { ...update, spares: update.spares.map(change) }] as const,
  )
  return {
    ...desired,
    containers: containers.map(change),
    updates: Object.fromEntries(changed),
  }
}

export interface Placing {
  readonly observed: readonly ObservedContainer[]
  /** True when what is there can stay as it is. */
  readonly isFresh: (desired: DesiredContainer, observed: ObservedContainer) => boolean
  readonly isRollback: boolean
}

/** `desired` with the places that its containers are to have at the end. */
export function withPlaces(desired: DesiredState, placing: Placing): DesiredState {
  const updates = Object.entries(desired.updates ?? {}).filter(
    ([, { spares }]) => spares.length > 0,
  )
  if (updates.length === 0) return desired
  const chosen = new Map(
    updates.map(([service, update]) => {
      const own = desired.containers.filter((each) => each.service === service)
      return [service, new Set(choose(own, update, placing))]
    }),
  )
  return {
    ...desired,
    containers: placesOf(desired).filter(
      (each) =>
        chosen.get(each.service)?.has(each) ??
        !desired.updates?.[each.service]?.spares.includes(each),
    ),
  }
}

function choose(
  own: readonly DesiredContainer[],
  { update, rollback, spares }: ServiceUpdate,
  { observed, isFresh, isRollback }: Placing,
): readonly DesiredContainer[] {
  const existing = new Map(observed.map((each) => [each.name, each]))
  const { order } = isRollback ? rollback : update
  const rank = (place: DesiredContainer): number => {
    const found = existing.get(place.name)
    if (found === undefined) return order === 'start-first' ? 2 : 4
    if (isFresh(place, found)) return 0
    // What serves nobody can go at once, and another takes its very place.
    return isServing(found) ? 3 : 1
  }
  return [...own, ...spares].toSorted((a, b) => rank(a) - rank(b)).slice(0, own.length)
}

function isServing(container: ObservedContainer): boolean {
  const { state, health } = container
  return isAlive(container) && state === 'running' && (health === 'none' || health === 'healthy')
}
