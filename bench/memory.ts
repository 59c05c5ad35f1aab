/**
 * Memory of what tsstack adds to each container: monitor, init and log mover, beside the
 * supervisor.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { rootIdOf } from '../src/engine/paths.ts'
import { tsstack } from './commands.ts'
import type { Group, Statistics } from './measure.ts'
import { writeStack, type BenchStack } from './stacks.ts'

interface Entry {
  readonly kib: number
  readonly kind: 'supervisor' | 'helper'
}

/** Proportional set size per container and of the supervisor, with `count` idle services. */
export async function memoryGroup({ directory, image, count }: BenchStack): Promise<Group> {
  const file = writeStack({ directory, image, count, name: `memory${count}` })
  await tsstack('-f', file, 'up', '-d')
  const processes = processesOf(rootIdOf(join(process.env['TSSTACK_ROOT'] ?? '', 'state')))
  const helpers = processes.filter((entry) => entry.kind === 'helper')
  const supervisor = processes.filter((entry) => entry.kind === 'supervisor')
  await tsstack('-f', file, 'down', '-t', '0')
  return {
    title: `Memory, ${count} idle services`,
    note: `Proportional set size (smaps_rollup): ${helpers.length} helpers and the supervisor.`,
    unit: 'KiB',
    yardstick: undefined,
    rows: {
      'tsstack helpers, per container': one(kib(helpers) / count),
      'tsstack supervisor': one(kib(supervisor)),
    },
  }
}

const kib = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + entry.kib, 0)
const one = (value: number): Statistics => ({ median: value, min: value, max: value, count: 1 })

/**
 * Processes of one state root outside containers: launch programs run from a memfd, the supervisor
 * is node. Other roots of the machine do not count.
 */
function processesOf(rootId: string): readonly Entry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
        if (!group.includes(`/tsstack/${rootId}/_system`)) return []
        const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
        const kib = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
        const isNode = readlinkSync(`/proc/${pid}/exe`).endsWith('/node')
        return [{ kib, kind: isNode ? ('supervisor' as const) : ('helper' as const) }]
      } catch {
        return [] // Ended while we looked.
      }
    })
}
