/** Prints what a container uses, as runc does: `events`. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type CgroupReading, detectCgroups } from '../linux/index.ts'
import { find, type Which } from './lifecycle.ts'

/**
 * One line of JSON each `intervalMs` until the container has stopped; once: one line. An event
 * `oom` comes before the line in whose time the kernel has killed a process of it for memory.
 */
export async function printEvents(
  which: Which,
  how: {
    readonly once: boolean
    readonly intervalMs: number
    readonly print: (event: object) => void
  },
): Promise<void> {
  let killsBefore: number | undefined
  for (;;) {
    const { container, status } = find(which)
    const { id } = container
    const reading = detectCgroups().open(container.cgroup).read()
    const { oomKills = 0 } = reading
    if (killsBefore !== undefined && oomKills > killsBefore) how.print({ type: 'oom', id })
    killsBefore = oomKills
    if (!how.once && status === 'stopped') return
    how.print({ type: 'stats', id, data: dataOf(reading) })
    if (how.once) return
    await sleep(how.intervalMs)
  }
}

/** Of runc's words those that the kernel answers without asking each file. */
function dataOf(reading: CgroupReading) {
  const { cpuUsageUs = 0, memoryBytes = 0, memoryBytesPeak, pids = 0 } = reading
  return {
    cpu: { usage: { total: cpuUsageUs * 1000 } },
    memory: {
      cache: reading.inactiveFileBytes ?? 0,
      usage: {
        usage: memoryBytes,
        ...(memoryBytesPeak === undefined ? {} : { max: memoryBytesPeak }),
      },
    },
    pids: { current: pids },
    blkio: { readBytes: reading.readBytes ?? 0, writtenBytes: reading.writtenBytes ?? 0 },
  }
}
