// Timing: contenders take turns, so that a busy moment of the machine hits all of them alike.
import { execFile } from 'node:child_process'

/**
 * Runs each contender `rounds` times, in turns, after one round that is not counted.
 * Takes `{ name: async () => milliseconds | undefined }`; undefined measures the call itself.
 */
export async function compare(contenders, rounds) {
  const times = new Map(Object.keys(contenders).map((name) => [name, []]))
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(contenders)) {
      const begun = performance.now()
      const reported = await run()
      if (round >= 0) times.get(name).push(reported ?? performance.now() - begun)
    }
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, statistics(values)]))
}

/** Median, least and greatest of `values`, in their unit. */
export function statistics(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)],
    min: sorted[0],
    max: sorted.at(-1),
    count: sorted.length,
  }
}

/** Runs a program to its end; throws with what it printed unless it ends with 0. */
export function run(program, words, options = {}) {
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 64 * 1024 * 1024, ...options }
    execFile(program, words, limits, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${words.join(' ')}: ${stderr || error.message}`))
      else resolve(stdout)
    })
  })
}

/** Whether `program` can be run here. */
export async function isPresent(program) {
  try {
    await run('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}
