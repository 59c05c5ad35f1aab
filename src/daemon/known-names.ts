/**
 * The names of stacks that were asked for, for as long as none of their files has changed: `exec`,
 * `ps` and `logs` need no more of a stack's files than its name, and reading them takes longer
 * than all else of an `exec`.
 */

import { KNOWN_NAMES_MAX } from '../limits.ts'
import type { Loaded } from './load.ts'
import type { StackInput } from './protocol.ts'
import { isAsSeen, isSettled, type Seen } from './watch/fingerprint.ts'

const known = new Map<string, { readonly seen: Seen; readonly name: string }>()

/** Undefined when it is not known, or a file is another one than it was. */
export function knownName(input: StackInput): string | undefined {
  const found = known.get(keyOf(input))
  return found !== undefined && isAsSeen(found.seen) ? found.name : undefined
}

/** Remembers what `input` was loaded to. */
export function rememberName(input: StackInput, loaded: Loaded): void {
  if (loaded.kind !== 'loaded' || !isSettled(loaded.seen)) return
  const key = keyOf(input)
  // The one that was added first goes first.
  known.delete(key)
  known.set(key, { seen: loaded.seen, name: loaded.desired.stack })
  for (const oldest of known.keys()) {
    if (known.size <= KNOWN_NAMES_MAX) break
    known.delete(oldest)
  }
}

/** Standard input is part of it, like every variable that a file might name. */
function keyOf(input: StackInput): string {
  return JSON.stringify(input)
}
