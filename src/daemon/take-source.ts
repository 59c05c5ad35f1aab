/** The desired state that a request brings, or brings the files of. */

import { LOAD_BYTES_MAX } from '../limits.ts'
import type { DesiredState } from '../planner/index.ts'
import { loadDesired } from './load.ts'
import type { StackSourceInput } from './protocol.ts'
import type { ClientSession } from './supervisor.ts'
import { toWire } from './wire-error.ts'

/** Undefined when the client was told what is wrong, or to read the files itself. */
export function takeSource(
  { connection }: ClientSession,
  source: StackSourceInput,
): DesiredState | undefined {
  if (source.kind === 'desired') return source.desired
  const loaded = loadDesired(source.input, LOAD_BYTES_MAX)
  if (loaded.kind === 'too-large') {
    connection.send({ kind: 'load-yourself' })
    return undefined
  }
  if (loaded.kind === 'invalid') {
    connection.send({ kind: 'error', error: toWire(loaded.error, loaded.sources) })
    return undefined
  }
  const { desired, diagnostics, sources } = loaded
  connection.send({ kind: 'loaded', stack: desired.stack, diagnostics, sources })
  return desired
}
