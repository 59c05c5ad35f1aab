/** Changes the limits of a container that has been created: `update`. */

import { UsageError } from '../errors.ts'
import { detectCgroups } from '../linux/index.ts'
import { readBundle, readResources } from './bundle.ts'
import { holdPlace } from './hold.ts'
import { find, type Which } from './lifecycle.ts'
import { resourceSettings } from './resources.ts'
import type { SpecResources } from './spec.ts'
import { absent, placeOf, writeContainer } from './store.ts'

/** What is not given stays as it is; devices always do. `file`: JSON, or `-` for standard input. */
export async function updateContainer(
  which: Which,
  { file, words }: { readonly file?: string; readonly words: SpecResources },
): Promise<void> {
  using held = await holdPlace(placeOf(which.root, which.id))
  if (held === undefined) throw absent(which.id)
  const { place, container, status } = find(which)
  if (status === 'stopped') {
    throw new UsageError(`Cannot update container "${container.id}": it has stopped`)
  }
  if (status === 'creating') {
    throw new UsageError(`Cannot update container "${container.id}": it is being created`)
  }
  const { spec } = await readBundle(container.bundle)
  const before = container.resources ?? spec.linux?.resources ?? {}
  const given = file === undefined ? words : await readResources(file === '-' ? 0 : file)
  const resources = merged(before, given)
  const { devices: _, ...settings } = resourceSettings({ ...spec, linux: { resources } })
  detectCgroups().open(container.cgroup).update(settings)
  writeContainer(place, { ...container, resources })
}

/** Key by key, two levels down: `{cpu: {quota}}` leaves `cpu.shares`. */
function merged(before: SpecResources, given: SpecResources): SpecResources {
  const { devices: _, ...changes } = given
  const entries = Object.entries(changes).map(([key, value]) => {
    const known: unknown = before[key as keyof SpecResources]
    const bothMaps = isMap(known) && isMap(value)
    return [key, bothMaps ? { ...known, ...value } : value]
  })
  return { ...before, ...(Object.fromEntries(entries) as SpecResources) }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
