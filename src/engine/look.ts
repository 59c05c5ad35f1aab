/** What runs in a container, and what it uses: for `top` and `stats`. */

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { type ProcessReading, readProcess } from '../linux/index.ts'
import type { LiveContainer, Machine } from './machine.ts'
import type { ContainerDetails, UsageSample } from './types.ts'

/** Every process of the container's group, by pid; none when it does not run. */
export function processesOf(
  machine: Machine,
  { attempt }: LiveContainer,
): readonly ProcessReading[] {
  if (!attempt?.process || attempt.exit) return []
  return machine.cgroups
    .open(attempt.record.cgroup)
    .processes()
    .toSorted((a, b) => a - b)
    .map(readProcess)
    .filter((each) => each !== undefined)
}

/** Undefined when it does not run. */
export function sampleUsage(machine: Machine, container: LiveContainer): UsageSample | undefined {
  const { attempt, record } = container
  if (!attempt?.process || attempt.exit) return undefined
  const reading = machine.cgroups.open(attempt.record.cgroup).read()
  const { memoryBytes = 0, memoryBytesPeak, inactiveFileBytes = 0 } = reading
  return {
    at: performance.now(),
    cpuUsageUs: reading.cpuUsageUs ?? 0,
    // As Docker counts: cache that can go at any time is not in use.
    memoryBytes: Math.max(0, memoryBytes - inactiveFileBytes),
    ...(memoryBytesPeak === undefined ? {} : { memoryBytesPeak }),
    memoryBytesMax: record.spec.resources.memoryBytesMax ?? totalmem(),
    ...trafficOf(container),
    readBytes: reading.readBytes ?? 0,
    writtenBytes: reading.writtenBytes ?? 0,
    pids: reading.pids ?? 0,
  }
}

/** Why it is as it is. The peak is that of the attempt that runs, or else of the last one. */
export function detailsOf(machine: Machine, container: LiveContainer): ContainerDetails {
  const { attempt, record } = container
  const running = sampleUsage(machine, container)
  const peak = running ? running.memoryBytesPeak : record.last?.memoryBytesPeak
  return {
    probes: attempt?.probes ?? [],
    restarts: record.restarts.restarts,
    ...(peak === undefined ? {} : { memoryBytesPeak: peak }),
  }
}

type Traffic = Pick<UsageSample, 'receivedBytes' | 'sentBytes'>

/** Sums over all interfaces but `lo`; none for a container in the host's network. */
function trafficOf({ attempt, record }: LiveContainer): Traffic {
  const none = { receivedBytes: 0, sentBytes: 0 }
  if (record.spec.network.kind === 'host') return none
  let text: string
  try {
    text = readFileSync(`/proc/${attempt?.process?.pid ?? 0}/net/dev`, 'latin1')
  } catch {
    return none // It has just ended.
  }
  const rows = [...text.matchAll(/^\s*([^:\s]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm)]
  return rows
    .filter(([, name]) => name !== 'lo')
    .reduce(
      (sum, [, , received, sent]) => ({
        receivedBytes: sum.receivedBytes + Number(received),
        sentBytes: sum.sentBytes + Number(sent),
      }),
      none,
    )
}
