/** `exec`: another program in a running container, joined to the client's terminal. */

import type { Readable } from 'node:stream'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { ExecSession } from '../engine/index.ts'
import { EXEC_DRAIN_MS, EXEC_WINDOW_BYTES } from '../limits.ts'
import type { ByteFrameKind } from './framing.ts'
import type { ClientSignal, Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectRunning } from './select.ts'
import type { ClientSession, SessionListener, Supervisor } from './supervisor.ts'

export async function serveExec(
  { engine }: Supervisor,
  session: ClientSession,
  { input, service, index, exec }: Extract<Request, { kind: 'exec' }>,
): Promise<void> {
  const stack = await resolveStack(engine, input)
  const wanted = index === undefined ? { service } : { service, index }
  const container = selectRunning(await engine.observe(stack), wanted)
  const program = await engine.exec(container.name, exec)
  const { connection, signal } = session
  // Whoever has gone cannot see it end: hang up, as a terminal does.
  const hangUp = (): void => program.signal('SIGHUP')
  signal.addEventListener('abort', hangUp)
  if (signal.aborted) hangUp()
  session.listener = inputOf(program, session)
  connection.send({ kind: 'started', window: EXEC_WINDOW_BYTES })
  const outputs = [program.stdout, program.stderr].filter((each) => each !== undefined)
  const copies = outputs.map(
    (stream, at) => new Copy(session, at === 0 ? 'stdout' : 'stderr', stream),
  )
  const { exitCode } = await program.exited
  signal.removeEventListener('abort', hangUp)
  await Promise.all(copies.map((copy) => copy.drained()))
  program.stdin.destroy()
  connection.send({ kind: 'exited', exitCode })
}

/** Standard input is acknowledged as it is taken, so that what follows it is never held up. */
function inputOf(program: ExecSession, { connection }: ClientSession): SessionListener {
  // A program that does not read its input, or has ended, is no failure.
  program.stdin.on('error', () => undefined)
  return {
    onSignal: (message: ClientSignal) => {
      if (message.kind === 'resize') program.resize(message.size)
      if (message.kind === 'stdin-end') program.stdin.end()
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
class Copy {
  readonly #stream: Readable
  readonly #done: Promise<void>
  #moved = 0
  #isSending = false

  constructor(session: ClientSession, kind: 'stdout' | 'stderr', stream: Readable) {
    this.#stream = stream
    this.#done = this.#run(session, kind)
  }

  /** To the end; but for a grandchild that holds the stream open and is silent, not for long. */
  async drained(): Promise<void> {
    let seen = -1
    while (this.#isSending || this.#moved !== seen) {
      seen = this.#moved
      const quiet = sleep(EXEC_DRAIN_MS, 'quiet', { ref: false })
      if ((await Promise.race([this.#done, quiet])) !== 'quiet') return
      // Timers come before what can be read: after a stall of ours there may be much to read still.
      await setImmediate()
    }
    this.#stream.destroy()
    await this.#done
  }

  async #run({ connection }: ClientSession, kind: 'stdout' | 'stderr'): Promise<void> {
    try {
      for await (const bytes of this.#stream) {
        this.#isSending = true
        await connection.sendBytes(kind, bytes as Buffer)
        this.#isSending = false
        this.#moved += 1
      }
    } catch {
      // Destroyed by the one who waited for it in vain: nothing more comes.
    }
  }
}
