/** Records of an older tsstack take over the fields that it did not know: spec-version.ts. */

import {
  type DesiredState,
  diffSpec,
  knownChanges,
  placesOf,
  type Plan,
  SPEC_VERSION,
} from '../planner/index.ts'
import type { Machine } from './machine.ts'
import { writeContainerSpec } from './records/container.ts'

/** Of the containers that `plan` leaves alone, and that are as desired in all that was known. */
export function renewSpecs(machine: Machine, desired: DesiredState, plan: Plan): void {
  const touched = new Set(plan.actions.map((action) => ('name' in action ? action.name : '')))
  for (const { name, spec } of placesOf(desired)) {
    const container = machine.containers.get(name)
    if (!container || touched.has(name)) continue
    const { record } = container
    const version = record.specVersion ?? 1
    if (version >= SPEC_VERSION) continue
    if (knownChanges(diffSpec(record.spec, spec), version).length > 0) continue
    container.record = { ...record, spec, specVersion: SPEC_VERSION }
    writeContainerSpec(machine.paths, container.record)
  }
}
