/** Gives back what a change has needed: a supervisor lives for months, most of them at rest. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { anonymousBytes, releaseProgram, trimMemory } from '../linux/index.ts'
import { TIDY_BYTES_MIN } from '../limits.ts'

type Collect = (options: {
  readonly type: 'major'
  readonly execution: 'sync'
  readonly flavor: 'last-resort'
}) => void

/** Resident bytes after the last time, without those of files. */
let tidied = 0

/**
 * Collects garbage, shrinks the heaps of JavaScript and of C, and lets go of what only the change
 * has needed of node's own program, when there is more than after the last time: it takes some 50
 * ms. Node itself has no quiet moment in which V8 would do so.
 */
export function tidyMemory(): void {
  if (anonymousBytes() - tidied < TIDY_BYTES_MIN) return
  // The only way to it in a process that was started without the flag. @see node:v8
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  trimMemory()
  releaseProgram()
  tidied = anonymousBytes()
}
