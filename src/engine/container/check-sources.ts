/** What the containers of a plan are to be given, looked for before anything is touched. */

import type { DesiredContainer, Plan } from '../../planner/index.ts'
import type { Check } from '../checks.ts'
import type { Machine } from '../machine.ts'
import { contentOf } from './file-contents.ts'
import { checkBindSource } from './volume-mounts.ts'

/**
 * Secrets and configs whose file cannot be read, and paths of the host that nobody makes: a
 * container that is replaced would be gone already when its successor finds that out. Values come
 * with the command itself.
 */
export function checkSources(machine: Machine, { stack, actions }: Plan): readonly Check[] {
  return actions.flatMap((action) =>
    action.kind === 'create-container' ? checksOf(machine, stack, action.container) : [],
  )
}

function checksOf(
  machine: Machine,
  stack: string,
  { name, service, spec }: DesiredContainer,
): readonly Check[] {
  return spec.mounts.flatMap((mount): readonly Check[] => {
    if (mount.kind === 'bind') {
      const about = { kind: 'mount', service, target: mount.target } as const
      return [{ about, look: () => checkBindSource(name, mount) }]
    }
    if (mount.kind !== 'file' || mount.from.kind === 'value') return []
    const about = { kind: mount.object, key: mount.name } as const
    return [{ about, look: () => contentOf(machine, { stack, container: name, mount }) }]
  })
}
