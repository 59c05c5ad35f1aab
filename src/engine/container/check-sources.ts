/** What the containers of a plan are to be given, looked for before anything is touched. */

import { EngineError } from '../../errors.ts'
import type { Plan } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { contentOf } from './file-contents.ts'

/**
 * Throws MOUNT_SOURCE, one error that names every secret and config whose file cannot be read: a
 * container that is replaced would be gone already when its successor finds that out. Values come
 * with the command itself.
 */
export function checkSources(machine: Machine, { stack, actions }: Plan): void {
  const failures = actions.flatMap((action) => {
    if (action.kind !== 'create-container') return []
    const { name, spec } = action.container
    return spec.mounts.flatMap((mount) =>
      mount.kind === 'file' && mount.from.kind !== 'value'
        ? failureOf(() => contentOf(machine, { stack, container: name, mount }))
        : [],
    )
  })
  const [first] = failures
  if (first === undefined) return
  if (failures.length === 1) throw first
  const message = failures.map((each) => each.message).join('\n')
  throw new EngineError('MOUNT_SOURCE', message, { hint: 'put their contents there' })
}

function failureOf(read: () => unknown): readonly EngineError[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof EngineError) return [error]
    throw error
  }
}
