/** Which images of a stack have to be built before it can be made. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  findImage,
  formatReference,
  openImageStore,
  parseReference,
  readNames,
} from '../../image/index.ts'
import type { DesiredBuild, DesiredState } from '../../planner/index.ts'
import { neededServices } from './request.ts'

/**
 * Builds of `services` (empty: all), of what they depend on, and of what those are built from.
 * `missing`: only images that are not in the store.
 */
export function buildsWanted(
  desired: DesiredState,
  options: {
    readonly state: string
    readonly services: readonly string[]
    readonly which: 'missing' | 'all'
    readonly withDependencies: boolean
  },
): readonly DesiredBuild[] {
  const { builds = [] } = desired
  if (builds.length === 0) return []
  const needed = new Set(options.services.length > 0 ? options.services : servicesOf(builds))
  // A set can be added to while it is gone through.
  for (const service of needed) {
    const own = builds.find((build) => build.service === service)
    for (const other of own ? neededServices(own) : []) needed.add(other)
    if (!options.withDependencies) continue
    const container = desired.containers.find((each) => each.service === service)
    for (const { service: other } of container?.dependsOn ?? []) needed.add(other)
  }
  const wanted = builds.filter(({ service }) => needed.has(service))
  if (options.which === 'all') return wanted
  const isThere = storeLookup(options.state)
  return wanted.filter(({ image }) => !isThere(image))
}

function servicesOf(builds: readonly DesiredBuild[]): readonly string[] {
  return builds.map(({ service }) => service)
}

function storeLookup(state: string): (image: string) => boolean {
  if (!existsSync(join(state, 'images'))) return () => false
  const store = openImageStore(state)
  const names = readNames(store)
  return (image) => {
    const named = names.get(formatReference(parseReference(image)))
    return named !== undefined && findImage(store, named.manifest) !== undefined
  }
}
