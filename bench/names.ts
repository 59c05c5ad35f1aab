/** Names of a stack, asked in its containers of the supervisor that they have in use. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tsstack, type Setting } from './commands.ts'
import { isPresent, statistics, type Group } from './measure.ts'
import { writeStack } from './stacks.ts'

const SECONDS = 3

/** dnsperf, a process of its own in each container; nothing where it is not installed. */
export async function nameGroups({ directory, image }: Setting): Promise<readonly Group[]> {
  if (!(await isPresent('dnsperf'))) return []
  const file = writeStack({ directory, image, count: 2, name: 'names' })
  await tsstack('-f', file, 'up', '-d')
  try {
    const [one, other] = JSON.parse(await tsstack('-f', file, 'ps', '--json')) as {
      readonly pid: number
    }[]
    if (!one || !other) throw new Error('the stack has not two containers')
    return await measure(directory, [one.pid, other.pid])
  } finally {
    await tsstack('-f', file, 'down', '-t', '0')
  }
}

async function measure(
  directory: string,
  [one, other]: readonly [number, number],
): Promise<readonly Group[]> {
  const asked = (pid: number, ...words: readonly string[]) => ask({ directory, pid, words })
  await asked(one, '-Q', '5000') // so that what is compiled when it is used is compiled
  const single = await asked(one, '-q', '1', '-Q', '2000')
  const steady = await asked(one, '-Q', '5000')
  const calm = await asked(one, '-Q', '100')
  const [beside, flood] = await Promise.all([asked(one, '-Q', '100'), asked(other, '-Q', '20000')])
  const rows = { 'one at a time': single, '5,000/s': steady, '100/s': calm }
  const loaded = { '100/s beside': beside, '20,000/s': flood }
  return [
    {
      title: 'A name of the stack, asked by dnsperf in a container',
      note:
        `${SECONDS} s each, from a process of its own, answered by the supervisor of a stack; ` +
        'beside: while another container asks 20,000/s',
      unit: 'µs',
      rows: Object.fromEntries(
        Object.entries({ ...rows, ...loaded }).flatMap(([name, times]) => [
          [`${name}, median`, statistics([at(times, 0.5)])],
          [`${name}, 99 of 100`, statistics([at(times, 0.99)])],
        ]),
      ),
    },
  ]
}

const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.floor(sorted.length * part)] ?? 0

interface Asking {
  readonly directory: string
  /** A process of the container. */
  readonly pid: number
  readonly words: readonly string[]
}

/** Microseconds of every answer, shortest first. */
async function ask({ directory, pid, words }: Asking): Promise<readonly number[]> {
  const questions = join(directory, 'questions')
  writeFileSync(questions, 's1 A\n')
  // Read only afterwards: the machine has names to answer meanwhile.
  const report = join(directory, `answers-${pid}`)
  const log = openSync(report, 'w')
  const asker = ['dnsperf', '-s', '127.0.0.11', '-l', `${SECONDS}`, '-v', '-d', questions]
  const all = [`--net=/proc/${pid}/ns/net`, ...asker, ...words]
  const child = spawn('nsenter', all, { stdio: ['ignore', log, 'ignore'] })
  await once(child, 'exit')
  closeSync(log)
  const output = readFileSync(report, 'utf8')
  const seconds = [...output.matchAll(/^> \w+ s1 A (\d+\.\d+)/gm)].map(([, time]) => Number(time))
  if (seconds.length === 0) throw new Error(`dnsperf has no answers: ${output.slice(0, 500)}`)
  return seconds.map((time) => time * 1e6).toSorted((left, right) => left - right)
}
