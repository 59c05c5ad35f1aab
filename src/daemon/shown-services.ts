/** Whose output an attached `up` shows, and for whose end it waits. */

import {
  checkServices,
  type DesiredState,
  type PlanOptions,
  serviceNames,
} from '../planner/index.ts'
import type { FollowRequest } from './protocol.ts'

export interface ShownServices {
  /** Its output is shown. */
  readonly shows: (service: string) => boolean
  /** `up` lasts as long as it does. */
  readonly awaits: (service: string) => boolean
}

/**
 * The named services, or all but those with `attach: false`; with their dependencies when that is
 * asked for. `--attach` says it by itself, and `--no-attach` takes away.
 * @throws {UsageError} NO_SUCH_SERVICE for names of no service
 */
export function shownServices(
  desired: DesiredState,
  { services: named = [] }: PlanOptions,
  { attach = [], noAttach = [], dependencies = false }: FollowRequest,
): ShownServices {
  const all = serviceNames(desired)
  checkServices(desired.stack, [...attach, ...noAttach], all)
  const begun = named.length === 0 ? all : new Set(named)
  const usual = dependencies ? withDependencies(desired, begun) : begun
  const quiet = new Set(desired.quietServices ?? [])
  const shown = attach.length > 0 ? attach : [...usual].filter((service) => !quiet.has(service))
  const result = new Set(shown.filter((service) => !noAttach.includes(service)))
  return { shows: (service) => result.has(service), awaits: (service) => begun.has(service) }
}

function withDependencies(
  { containers }: DesiredState,
  services: ReadonlySet<string>,
): ReadonlySet<string> {
  const reached = new Set(services)
  for (let before = -1; before < reached.size;) {
    before = reached.size
    for (const { service, dependsOn } of containers) {
      if (reached.has(service)) for (const each of dependsOn) reached.add(each.service)
    }
  }
  return reached
}
