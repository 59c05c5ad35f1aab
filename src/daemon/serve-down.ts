/** `down`: the stack is to be gone. Works from records: it needs no stack file. */

import type { Engine } from '../engine/index.ts'
import { changeStackInTurn } from './change-in-turn.ts'
import type { Request } from './protocol.ts'
import { givenName, isKnown, nearestStack, resolveStack } from './resolve.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

/** Of what is not there nothing is left to do: said, and no error, as scripts come by twice. */
export async function serveDown(
  supervisor: Supervisor,
  session: ClientSession,
  { input, options }: Extract<Request, { kind: 'down' }>,
): Promise<void> {
  const { engine } = supervisor
  const stack = givenName(input) ?? (await resolveStack(engine, input))
  if (!(await isKnown(engine, stack))) await sayNothingThere(engine, session, stack)
  await changeStackInTurn(supervisor, session, stack, (how) =>
    engine.apply(stack, undefined, { ...options, ...how }),
  )
}

/** @see docker compose down: 'No resource found to remove for project "shop"' */
async function sayNothingThere(
  engine: Engine,
  { connection }: ClientSession,
  stack: string,
): Promise<void> {
  const message = `nothing to remove of stack "${stack}"${await nearestStack(engine, stack)}`
  connection.send({ kind: 'event', event: { kind: 'warning', time: Date.now(), stack, message } })
}
