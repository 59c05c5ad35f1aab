/**
 * A few hundred seeds here; `npm run simulate` runs 10,000, and SEED=N npm run simulate that one.
 */
import { expect, test } from 'vitest'
import { simulate } from './simulation/simulation.ts'

const only = process.env['SEED']
const count = only === undefined ? Number(process.env['SEEDS'] ?? 200) : 1
const first = Number(only ?? 1)

test(
  'the loop converges from every seed, with one attempt at a time and nothing left behind',
  async () => {
    const failures: string[] = []
    for (let seed = first; seed < first + count; seed += 1) {
      await simulate(seed).catch((error: Error) => failures.push(error.message))
      if (failures.length >= 3) break
    }
    expect(failures.join('\n\n')).toBe('')
  },
  30_000 + count * 1000,
)
