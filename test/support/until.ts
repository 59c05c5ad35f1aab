/** Waits for text that a running program has yet to print. */
import { setTimeout as sleep } from 'node:timers/promises'

/** What has not happened by then does not happen: a busy machine may be many times slower. */
const WITHIN_MS = 60_000

/**
 * Calls `read` until its text matches `wanted`, all of them in any order when they are several;
 * throws with the last text after `withinMs`.
 */
export async function until(
  read: () => Promise<string>,
  wanted: RegExp | readonly RegExp[],
  withinMs: number = WITHIN_MS,
): Promise<string> {
  const patterns = [wanted].flat()
  const end = performance.now() + withinMs
  for (;;) {
    const text = await read()
    const missing = patterns.filter((pattern) => !pattern.test(text))
    if (missing.length === 0) return text
    if (performance.now() > end) throw new Error(`Never saw ${missing.join()}; last:\n${text}`)
    await sleep(50)
  }
}
