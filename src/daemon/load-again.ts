/** What stack files were loaded to, for the next command that means the same of the same files. */

import { loadDesired } from './load.ts'
import type { Loaded } from './load.ts'
import type { StackInput } from './protocol.ts'
import { isAsSeen, isSettled } from './watch/fingerprint.ts'

/** Enough for a stack that is brought up and run in; some 20 KB for each of its services. */
const RESULTS_MAX = 2

/** Milliseconds after its last use: commands that come one after another, and no memory at rest. */
const KEPT_MS = 20_000

interface Result {
  readonly loaded: Loaded
  readonly forget: NodeJS.Timeout
}

const results = new Map<string, Result>()

/** {@link loadDesired}, or what it said before, as long as nothing that it looked at has changed. */
export function loadAgain(input: StackInput, bytesMax: number): Loaded {
  const key = JSON.stringify([input, bytesMax])
  const before = results.get(key)
  if (before !== undefined) clearTimeout(before.forget)
  results.delete(key)
  const known = before !== undefined && isAsSeen(before.loaded.seen) ? before.loaded : undefined
  const loaded = known ?? loadDesired(input, bytesMax)
  if (loaded.kind === 'loaded' && isSettled(loaded.seen)) keep(key, loaded)
  return loaded
}

/** The one that was used first goes first. */
function keep(key: string, loaded: Loaded): void {
  results.set(key, { loaded, forget: setTimeout(() => results.delete(key), KEPT_MS).unref() })
  for (const [oldest, { forget }] of results) {
    if (results.size <= RESULTS_MAX) break
    clearTimeout(forget)
    results.delete(oldest)
  }
}
