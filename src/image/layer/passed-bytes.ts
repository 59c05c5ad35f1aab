/**
 * Gives back the memory of bytes that have passed. V8 looks for buffers that nobody has any more
 * only when 64 MiB of them have gathered, which would be half of what a pull may take.
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PASSED_BYTES_MAX } from '../../limits.ts'

type Collect = (options: { readonly type: 'minor' }) => void

let passed = 0
let collect: Collect | undefined

/** To be told of every buffer of an unpacking, packed and plain. */
export function notePassed(bytes: number): void {
  passed += bytes
  if (passed < PASSED_BYTES_MAX) return
  passed = 0
  collect ??= findCollector()
  // Young buffers only: about a millisecond.
  collect({ type: 'minor' })
}

function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
