/**
 * How the cost of a stack grows with its services, with a supervisor that runs already: up, nothing
 * to do, one service changed, down.
 */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { tsstack, type Setting } from './commands.ts'
import { statistics, type Group, type Statistics } from './measure.ts'
import { writeStack } from './stacks.ts'

const COUNTS = [1, 10, 50, 100, 500]

/** One group for each question, a row for each size; `rounds` for stacks of up to 100 services. */
export async function growthGroups({
  directory,
  image,
  rounds,
}: Setting): Promise<readonly Group[]> {
  const up: Record<string, Statistics> = {}
  const nothing: Record<string, Statistics> = {}
  const one: Record<string, Statistics> = {}
  const down: Record<string, Statistics> = {}
  const keep = writeStack({ directory, image, count: 1, name: 'keep' })
  await tsstack('-f', keep, 'up', '-d')
  for (const count of COUNTS) {
    const turns = count > 100 ? 1 : rounds
    const seen = {
      up: [] as number[],
      nothing: [] as number[],
      one: [] as number[],
      down: [] as number[],
    }
    for (let round = 0; round < turns; round += 1) {
      const file = writeStack({ directory, image, count, name: `growth${count}` })
      seen.up.push(await timed('-f', file, 'up', '-d'))
      seen.nothing.push(await timed('-f', file, 'up', '-d'))
      // The last service of the file.
      appendFileSync(file, `    environment: { EDIT: '${round}' }\n`)
      seen.one.push(await timed('-f', file, 'up', '-d', '-t', '0'))
      seen.down.push(await timed('-f', file, 'down', '-t', '0'))
    }
    const name = `tsstack, ${count} service${count === 1 ? '' : 's'}`
    up[name] = statistics(seen.up)
    nothing[name] = statistics(seen.nothing)
    one[name] = statistics(seen.one)
    down[name] = statistics(seen.down)
  }
  await tsstack('-f', keep, 'down', '-t', '0')
  return [
    group('up -d', up),
    group('up -d, nothing to change', nothing),
    group('up -d, one service changed', one),
    group('down -t 0', down),
  ]
}

/** A command that has to start the supervisor, beside one that finds it. */
export async function firstCommandGroup({ rounds }: Setting): Promise<Group> {
  const [first, later]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round += 1) {
    await supervisorEnded()
    first.push(await timed('ls'))
    later.push(await timed('ls'))
  }
  return {
    title: 'The first command of all',
    note: '`tsstack ls` with and without a supervisor to start.',
    unit: 'ms',
    yardstick: 'tsstack ls, supervisor running',
    rows: {
      'tsstack ls, supervisor running': statistics(later),
      'tsstack ls, supervisor started by it': statistics(first),
    },
  }
}

/** It ends by itself a second after it has nothing to do. */
async function supervisorEnded(): Promise<void> {
  const socket = join(process.env['TSSTACK_ROOT'] ?? '', 'run/tsstack.sock')
  while (existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 100))
  // What it has left to the kernel is done by then.
  await new Promise((resolve) => setTimeout(resolve, 500))
}

async function timed(...words: readonly string[]): Promise<number> {
  const begun = performance.now()
  await tsstack(...words)
  return performance.now() - begun
}

const group = (title: string, rows: Readonly<Record<string, Statistics>>): Group => ({
  title: `Growth: ${title}`,
  note: 'Sleeping services on one bridge network; wall time of the command; a supervisor runs.',
  unit: 'ms',
  yardstick: 'tsstack, 1 service',
  rows,
})
