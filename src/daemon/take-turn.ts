/** Waits until a client may change a stack, and tells it for whom it waits. */

import type { ClientSession, Supervisor } from './supervisor.ts'

/** Rejects when the client leaves while it waits. */
export function takeTurn(
  { turns }: Supervisor,
  { connection, client, signal }: ClientSession,
  stack: string,
): Promise<Disposable> {
  return turns.take({
    stack,
    holder: client,
    signal,
    onWait: (holder) => connection.send({ kind: 'waiting', stack, holder }),
  })
}
