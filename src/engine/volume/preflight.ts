/** What of volumes would stop a plan half-way. */

import { existsSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { type DesiredState, mountedVolumes, type Plan } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { type Check, containersIn } from '../checks.ts'
import { checkVolume, volumeData } from './volumes.ts'

/** External ones that are not there, and those that could not be made as they are declared. */
export function checkVolumes(
  machine: Machine,
  plan: Plan,
  desired: DesiredState,
): readonly Check[] {
  const needed = new Set(containersIn(plan, desired).flatMap(({ spec }) => mountedVolumes(spec)))
  const created = new Set(
    plan.actions.flatMap((action) => (action.kind === 'create-volume' ? [action.volume.name] : [])),
  )
  return desired.volumes.flatMap((volume): readonly Check[] => {
    const { key, name, external } = volume
    const about = { kind: 'volume', key } as const
    if (!external) return created.has(name) ? [{ about, look: () => checkVolume(volume) }] : []
    const isNeeded = desired.allResources === true || needed.has(name)
    return isNeeded ? [{ about, look: () => checkExternal(machine, name) }] : []
  })
}

function checkExternal({ paths }: Machine, name: string): void {
  if (existsSync(volumeData(paths, name))) return
  throw new EngineError(
    'MOUNT_SOURCE',
    `Cannot use volume "${name}": it is declared external, and does not exist`,
    { hint: `make it with "tsstack volume create ${name}", or remove "external"` },
  )
}
