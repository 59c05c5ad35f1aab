/** The namespaces of containers that run although their supervisor and its guardian are gone. */

import { openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { close, type Entry, type Fd, startTime } from '../../linux/index.ts'
import type { Places } from '../places.ts'

/** Undefined when none runs: then there is nothing to go back to. */
export function livingNamespaces({ engineRun }: Places): Entry['join'] | undefined {
  for (const name of namesIn(join(engineRun, 'containers'))) {
    const pid = livingMonitor(join(engineRun, 'containers', name, 'attempt.json'))
    const opened = pid === undefined ? undefined : openAll(pid)
    if (opened) return opened
  }
  return undefined
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Nothing has ever run.
    return []
  }
}

function livingMonitor(file: string): number | undefined {
  try {
    const { monitor } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly monitor?: { readonly pid: number; readonly startTime: number }
    }
    return monitor && startTime(monitor.pid) === monitor.startTime ? monitor.pid : undefined
  } catch {
    // It goes away as we look.
    return undefined
  }
}

function openAll(pid: number): Entry['join'] | undefined {
  const opened: Fd[] = []
  try {
    for (const kind of ['user', 'mnt', 'net']) opened.push(openSync(`/proc/${pid}/ns/${kind}`, 'r'))
    const [users = -1, mounts = -1, network = -1] = opened
    return { users, mounts, network }
  } catch {
    for (const fd of opened) close(fd)
    return undefined
  }
}
