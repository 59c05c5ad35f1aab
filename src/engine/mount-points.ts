/** Where a running container has its mounts. */

import { readFileSync } from 'node:fs'
import { unescapeMountPath } from '../linux/index.ts'
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
export function mountPoints(pid: number): ReadonlySet<string> | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')
    return new Set(lines.map((line) => unescapeMountPath(line.split(' ')[4] ?? '')))
  } catch {
    return undefined
  }
}
