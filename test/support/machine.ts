/** Global set-up: with TSSTACK_TEST_MACHINE=1 the whole machine must end as it began. */
import { leaks, snapshot } from './leak.ts'

/** Vitest calls it before the first test; what it returns after the last. */
export function setup(): (() => Promise<void>) | undefined {
  if (process.env['TSSTACK_TEST_MACHINE'] !== '1') return undefined
  const before = snapshot()
  return async () => {
    const left = await leaks(before)
    // Vitest's own, begun after the first look and ended after the last; its namespaces are ours.
    const lines = left.split('\n').filter((line) => !/vitest-watchdog|^\+ namespace /.test(line))
    if (lines.join('') === '') return
    process.exitCode = 1
    throw new Error(`The tests left behind:\n${left}`)
  }
}
