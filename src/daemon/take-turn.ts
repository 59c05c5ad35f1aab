/** Waits until a client may change a stack, and tells it for whom it waits. */

import { UsageError } from '../errors.ts'
import { TURN_MS_MAX } from '../limits.ts'
import type { Holder } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

/**
 * Rejects when the client leaves while it waits.
 * @throws {UsageError} STACK_BUSY after ten minutes.
 */
export async function takeTurn(
  { turns }: Supervisor,
  { connection, client, signal }: ClientSession,
  stack: string,
): Promise<Disposable> {
  let last: Holder | undefined
  const patience = AbortSignal.timeout(TURN_MS_MAX)
  try {
    return await turns.take({
      stack,
      holder: client,
      signal: AbortSignal.any([signal, patience]),
      onWait: (holder) => {
        last = holder
        connection.send({ kind: 'waiting', stack, holder })
      },
    })
  } catch (error) {
    throw last !== undefined && patience.aborted ? busy(stack, last) : error
  }
}

function busy(stack: string, { command, pid }: Holder): UsageError {
  const minutes = TURN_MS_MAX / 60_000
  return new UsageError(
    `Cannot change stack "${stack}": ${command} (pid ${pid}) has done so for ${minutes} minutes`,
    { code: 'STACK_BUSY', hint: 'wait for it, or interrupt it, and run this command again' },
  )
}
