/**
 * After a supervisor has died, values of secrets and configs are known to containers alone: each is
 * taken from a container that runs with it, when its hash says that it is the one.
 */

import { close, O, openPath, readIn } from '../linux/index.ts'
import { FILE_CONTENT_BYTES_MAX } from '../limits.ts'
import type { FileMountSpec } from '../planner/index.ts'
import { storeKey } from './container/file-contents.ts'
import { digestOf } from './digests.ts'
import type { LiveContainer, Machine } from './machine.ts'

export function recoverValues(machine: Machine, container: LiveContainer): void {
  const { record, attempt } = container
  const pid = attempt?.process?.pid
  if (pid === undefined) return
  for (const mount of record.spec.mounts) {
    if (mount.kind !== 'file' || mount.from.kind !== 'value') continue
    const key = storeKey(record.stack, mount)
    if (machine.values.has(key)) continue
    const content = tryRead(pid, mount)
    if (content === undefined || digestOf(machine, content) !== mount.digest) continue
    machine.values.set(key, content.toString('utf8'))
  }
}

/** Nothing of a container that has ended meanwhile, or that hides it. */
function tryRead(pid: number, { target }: FileMountSpec): Buffer | undefined {
  try {
    const root = openPath(`/proc/${pid}/root`, O.DIRECTORY)
    try {
      return readIn(root, target, FILE_CONTENT_BYTES_MAX)
    } finally {
      close(root)
    }
  } catch {
    return undefined
  }
}
