/** The desired state that a request brings, or brings the files of. */

import { LOAD_BYTES_MAX } from '../limits.ts'
import type { DesiredState } from '../planner/index.ts'
import { loadAgain } from './load-again.ts'
import type { StackSourceInput } from './protocol.ts'
import type { ClientSession } from './supervisor.ts'
import { InvalidStack } from './wire-error.ts'

/** Undefined when the client was told to read the files itself. Throws what is wrong with them. */
export function takeSource(
  { connection }: ClientSession,
  source: StackSourceInput,
): DesiredState | undefined {
  if (source.kind === 'desired') return source.desired
  const loaded = loadAgain(source.input, LOAD_BYTES_MAX)
  if (loaded.kind === 'too-large') {
    connection.send({ kind: 'load-yourself' })
    return undefined
  }
  if (loaded.kind === 'invalid') {
    throw new InvalidStack(loaded.error, loaded.rendered)
  }
  const { desired, warnings } = loaded
  connection.send({ kind: 'loaded', stack: desired.stack, warnings })
  return desired
}
