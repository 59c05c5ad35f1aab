/**
 * Timing: contenders take turns, so that a busy moment of the machine hits all of them alike.
 */
import { execFile, type ExecFileOptions } from 'node:child_process'

export interface Statistics {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** A run that is timed from outside, or tells its own milliseconds. */
export type Contender = () => Promise<number | void>

export type Rows = Readonly<Record<string, Statistics>>

/** Figures of one question. `yardstick` names the row that the others are divided by. */
export interface Group {
  readonly title: string
  readonly note: string
  readonly unit: string
  readonly yardstick?: string | undefined
  readonly rows: Rows
}

/**
 * Runs each contender `rounds` times, in turns, after one round that is not counted.
 */
export async function compare(
  contenders: Readonly<Record<string, Contender>>,
  rounds: number,
): Promise<Rows> {
  const times = new Map<string, number[]>()
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(contenders)) {
      const begun = performance.now()
      const reported = await run()
      const took = reported ?? performance.now() - begun
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), took])
    }
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, statistics(values)]))
}

/** Median, least and greatest of `values`, in their unit. */
export function statistics(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    count: sorted.length,
  }
}

/** Runs a program to its end; throws with what it printed unless it ends with 0. */
export function run(
  program: string,
  words: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 64 * 1024 * 1024, ...options }
    execFile(program, [...words], limits, (error, stdout, stderr) => {
      if (error)
        reject(new Error(`${program} ${words.join(' ')}: ${String(stderr) || error.message}`))
      else resolve(String(stdout))
    })
  })
}

/** Whether `program` can be run here. */
export async function isPresent(program: string): Promise<boolean> {
  try {
    await run('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}
