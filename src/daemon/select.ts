/** Picks containers of a stack by the names of services. */

import type { Engine } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { checkServices, serviceNames } from '../planner/index.ts'
import type { ObservedContainer, ObservedState } from '../planner/index.ts'

type ObservedContainers = Pick<ObservedState, 'stack' | 'containers'>

/**
 * The containers of `services`; of all when none is named. Of one that was applied, there may be
 * none.
 * @throws {UsageError} NO_SUCH_SERVICE that names the nearest known one.
 */
export function selectContainers(
  engine: Pick<Engine, 'desired'>,
  { stack, containers }: ObservedContainers,
  services: readonly string[],
): readonly ObservedContainer[] {
  if (services.length === 0) return containers
  const existing = new Set(containers.map(({ service }) => service))
  if (!services.every((service) => existing.has(service))) {
    const applied = engine.desired(stack)
    const known = applied ? serviceNames(applied) : []
    checkServices(stack, services, new Set([...existing, ...known]))
  }
  return containers.filter(({ service }) => services.includes(service))
}

/**
 * The replica `index` of `service`, or the lowest one that runs. Throws NO_SUCH_SERVICE or
 * NOT_RUNNING.
 */
export function selectRunning(
  engine: Pick<Engine, 'desired'>,
  observed: ObservedContainers,
  { service, index }: { readonly service: string; readonly index?: number },
): ObservedContainer {
  const replicas = selectContainers(engine, observed, [service])
  const found = replicas
    .filter((each) => each.state === 'running' && (index === undefined || rank(each) === index))
    .toSorted((a, b) => rank(a) - rank(b))[0]
  if (found) return found
  const states = replicas.map(({ name, state }) => `${name} is ${state}`).join(', ')
  const seen = states === '' ? '' : `; ${states}`
  const which = index === undefined ? `"${service}"` : `replica ${index} of "${service}"`
  throw new UsageError(`Cannot use service ${which}: it has no running container${seen}`, {
    code: 'NOT_RUNNING',
    hint: replicas.some(({ state }) => state === 'paused')
      ? `let it go on with: tsstack unpause ${service}`
      : `start it with: tsstack up -d ${service}`,
  })
}

/** A container of \`run\` has no number, and comes after the replicas. */
function rank({ oneOff, index }: ObservedContainer): number {
  return oneOff === undefined ? index : Infinity
}
