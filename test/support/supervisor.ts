/** The supervisor of a state root, as its lock names it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pidIn } from './pid-file.ts'
import { until } from './until.ts'

const lockOf = (root: string): string => join(root, 'state/supervisor.lock')

/** @throws when there is none. */
export const supervisorPid = (root: string): number => pidIn(lockOf(root))

/** SIGKILL; the pid that it had. One that has just ended by itself is gone as well. */
export function killSupervisor(root: string): number {
  const pid = supervisorPid(root)
  killIfThere(pid)
  return pid
}

/** The one that has taken the lock after `before`, once it has written down its pid. */
export async function successorOf(root: string, before: number): Promise<number> {
  const other = RegExp(`^(?!${before}$)[1-9]\\d*$`)
  return Number(await until(async () => readFileSync(lockOf(root), 'utf8').trim(), other))
}

/** False when it had ended between the look and the signal. */
export function killIfThere(pid: number, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
