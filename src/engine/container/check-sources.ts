/** What the containers of a plan are to be given, looked for before anything is touched. */

import type { Plan } from '../../planner/index.ts'
import { checkAll } from '../check-all.ts'
import type { Machine } from '../machine.ts'
import { contentOf } from './file-contents.ts'

/**
 * Throws MOUNT_SOURCE, one error that names every secret and config whose file cannot be read: a
 * container that is replaced would be gone already when its successor finds that out. Values come
 * with the command itself.
 */
export function checkSources(machine: Machine, { stack, actions }: Plan): void {
  const checks = actions.flatMap((action) => {
    if (action.kind !== 'create-container') return []
    const { name, spec } = action.container
    return spec.mounts.flatMap((mount) =>
      mount.kind === 'file' && mount.from.kind !== 'value'
        ? [() => contentOf(machine, { stack, container: name, mount })]
        : [],
    )
  })
  checkAll(checks, 'put their contents there')
}
