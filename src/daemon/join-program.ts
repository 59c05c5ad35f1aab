/** Joins a program in a container to a client: its streams, its terminal, its status. */

import type { Readable } from 'node:stream'
import { type ExecSession, onAbort } from '../engine/index.ts'
import { EXEC_WINDOW_BYTES } from '../limits.ts'
import type { ByteFrameKind } from './framing.ts'
import type { ClientSignal } from './protocol.ts'
import type { ClientSession, SessionListener } from './supervisor.ts'

/** The status with which it has ended; by then the client has all that it wrote. */
export async function joinProgram(session: ClientSession, program: ExecSession): Promise<number> {
  const { connection, signal } = session
  // Whoever has gone cannot see it end: hang up, as a terminal does.
  const hangUp = (): void => program.signal('SIGHUP')
  using _hangingUp = onAbort(signal, hangUp)
  session.listener = inputOf(program, session)
  connection.send({ kind: 'started', window: EXEC_WINDOW_BYTES })
  const copies = [copy(session, 'stdout', program.stdout)]
  if (program.stderr) copies.push(copy(session, 'stderr', program.stderr))
  const { exitCode } = await program.exited
  await Promise.all(copies)
  program.stdin.destroy()
  return exitCode
}

/** Standard input is acknowledged as it is taken, so that what follows it is never held up. */
function inputOf(program: ExecSession, { connection }: ClientSession): SessionListener {
  // A program that does not read its input, or has ended, is no failure.
  program.stdin.on('error', () => undefined)
  return {
    onSignal: (message: ClientSignal) => {
      if (message.kind === 'resize') program.resize(message.size)
      if (message.kind === 'stdin-end') program.stdin.end()
      if (message.kind === 'interrupt') program.signal('SIGINT')
    },
    onBytes: (kind: ByteFrameKind, bytes: Uint8Array) => {
      if (kind !== 'stdin') return
      program.stdin.write(bytes, () => {
        connection.send({ kind: 'consumed', bytes: bytes.length })
      })
    },
  }
}

/** Moves one stream of the program to the client, as fast as the client takes it. */
async function copy(
  { connection }: ClientSession,
  kind: 'stdout' | 'stderr',
  stream: Readable,
): Promise<void> {
  for await (const bytes of stream) await connection.sendBytes(kind, bytes as Buffer)
}
