/** Whether the supervisor may open as many files as a plan's containers need. */

import { readdirSync } from 'node:fs'
import { EngineError } from '../errors.ts'
import { getRlimit } from '../linux/index.ts'
import type { Plan } from '../planner/index.ts'

/** Kept for a container while it runs: with a network and mounts eight, and one more to spare. */
const OF_CONTAINER = 9
/** For those that are just being started, for programs in containers, and for clients. */
const OF_ALL = 64
/** What is open is counted only where it may matter. */
const PLENTY = 10

/**
 * Throws ACTION_FAILED before anything is changed: without descriptors a start fails half-way, in
 * whatever it was at.
 */
export function checkDescriptors({ actions }: Plan): void {
  const starts = actions.filter(({ kind }) => kind === 'start-container').length
  if (starts === 0) return
  const needed = starts * OF_CONTAINER + OF_ALL
  const { soft } = getRlimit('nofile')
  if (soft > BigInt(needed * PLENTY)) return
  const open = readdirSync('/proc/self/fd').length
  if (soft >= BigInt(open + needed)) return
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot start ${starts} containers: the supervisor has ${open} files open and may have ` +
      `${soft}; ${needed} more are needed`,
    { hint: `prlimit --pid ${process.pid} --nofile=65536; for good: "ulimit -n", LimitNOFILE=` },
  )
}
