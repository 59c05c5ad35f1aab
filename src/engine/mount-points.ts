/** Where a running container has its mounts. */

import { readFileSync } from 'node:fs'
import { type MountLine, parseMountinfo } from '../linux/index.ts'
import type { MountSpec } from '../planner/index.ts'
import { targetOf } from './container/describe.ts'
import type { LiveAttempt } from './machine.ts'

/**
 * The place of a mount of the stack file: its target, once the links of the image are followed.
 */
export function placeOf({ record }: Pick<LiveAttempt, 'record'>, mount: MountSpec): string {
  const target = targetOf(mount)
  return record.places?.[target] ?? target
}

/** As the process `pid` sees them; undefined when it has just ended. @see proc_pid_mountinfo(5) */
export function readMounts(pid: number): readonly MountLine[] | undefined {
  try {
    return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
  } catch {
    return undefined
  }
}

/** Where these are. */
export function mountPoints(pid: number): ReadonlySet<string> | undefined {
  const mounts = readMounts(pid)
  return mounts && new Set(mounts.map(({ place }) => place))
}
