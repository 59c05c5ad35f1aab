/** `depends_on`, and the dependencies that other keys imply. */

import type { Service } from '../../spec/index.ts'
import type { Dependency } from '../model.ts'
import { compareNames } from '../order.ts'

/**
 * Sorted by service. What `depends_on` says of a service holds; else the implied dependency does.
 */
export function dependenciesOf(service: Service): readonly Dependency[] {
  const all = new Map<string, Dependency>()
  for (const implied of impliedBy(service)) all.set(implied.service, implied)
  for (const [name, { condition, required, restart = false }] of Object.entries(
    service.depends_on ?? {},
  )) {
    all.set(name, { service: name, condition, required, restart })
  }
  return [...all.values()].toSorted((a, b) => compareNames(a.service, b.service))
}

/**
 * A link or a shared namespace breaks when the other container is made anew, so it implies a
 * restart as well.
 */
function impliedBy(service: Service): readonly Dependency[] {
  const links = (service.links ?? []).map((link) => link.split(':')[0] ?? '')
  const modes = [
    service.network_mode,
    service.ipc,
    service.pid,
    service.uts,
    service.cgroup,
    service.userns_mode,
  ]
  const sources = (service.volumes_from ?? [])
    .filter((source) => !source.startsWith('container:'))
    .map((source) => source.split(':')[0] ?? '')
  return [
    ...sources.map((name) => startOf(name, false)),
    ...[...links, ...modes.flatMap(serviceOf)].map((name) => startOf(name, true)),
  ]
}

/** `X` of `service:X`. */
function serviceOf(mode: string | undefined): readonly string[] {
  return mode?.startsWith('service:') === true ? [mode.slice('service:'.length)] : []
}

function startOf(service: string, restart: boolean): Dependency {
  return { service, condition: 'service_started', required: true, restart }
}
