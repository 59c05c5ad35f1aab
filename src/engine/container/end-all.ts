/** Ends every process of an attempt at once. */

import { SIGKILL } from './kernel.ts'
import type { LiveAttempt, Machine } from '../machine.ts'

/**
 * By its control group; without groups by its pid 1, with whose pid namespace all others end. One
 * that has ended is success.
 */
export async function endAll(
  { cgroups, processes }: Pick<Machine, 'cgroups' | 'processes'>,
  {
    process,
    record,
    over,
  }: Pick<LiveAttempt, 'process' | 'record'> & Partial<Pick<LiveAttempt, 'over'>>,
): Promise<void> {
  if (cgroups.mode === 'none' && process?.pidfd !== undefined) {
    processes.signal(process.pidfd, SIGKILL)
  }
  await cgroups.open(record.cgroup).killAll({ hint: over })
}
