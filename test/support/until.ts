/** Waits for text that a running program has yet to print. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Calls `read` until its text matches `wanted`; throws with the last text after `withinMs`. */
export async function until(
  read: () => Promise<string>,
  wanted: RegExp,
  withinMs = 60_000,
): Promise<string> {
  const end = performance.now() + withinMs
  for (;;) {
    const text = await read()
    if (wanted.test(text)) return text
    if (performance.now() > end) throw new Error(`Never saw ${String(wanted)}; last:\n${text}`)
    await sleep(50)
  }
}
