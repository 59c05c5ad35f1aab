/** `attach`: a container's own program, joined to the client's streams. */

import type { ContainerInput } from '../engine/index.ts'
import { EngineError } from '../errors.ts'
import { EXEC_WINDOW_BYTES } from '../limits.ts'
import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectRunning } from './select.ts'
import type { ClientSession, SessionListener, Supervisor } from './supervisor.ts'

/** Until the program ends, whether or not it is started again then, or the client leaves. */
export async function serveAttach(
  { engine }: Supervisor,
  session: ClientSession,
  { input, service, index, stdin }: Extract<Request, { kind: 'attach' }>,
): Promise<void> {
  const { connection, signal } = session
  const stack = await resolveStack(engine, input)
  const wanted = index === undefined ? { service } : { service, index }
  const { name, spec } = selectRunning(engine, await engine.observe(stack), wanted)
  let exitCode = 0
  const unsubscribe = engine.subscribe((event) => {
    if (event.kind !== 'container' || event.container !== name) return
    if (event.state === 'exited') exitCode = event.exitCode ?? 0
  })
  const hasInput = stdin && (spec.tty || spec.stdinOpen)
  if (spec.logging.driver === 'none') {
    if (!hasInput) throw nothingToJoin(name)
    connection.send({
      kind: 'loaded',
      stack,
      warnings: `nothing that ${name} writes is shown: ${WHY}`,
    })
  }
  const joined = hasInput ? engine.input(name) : undefined
  try {
    // It may have ended: whoever has no input is told nothing by its being closed.
    joined?.stream.on('error', () => undefined)
    const kill = (name: string, signal: string): Promise<void> => engine.kill(name, signal)
    session.listener = listener(session, { joined, kill: (word) => kill(name, word) })
    connection.send({ kind: 'started', window: EXEC_WINDOW_BYTES, tty: spec.tty })
    const range = { follow: true, attached: true, since: Date.now(), signal }
    for await (const { stream, bytes } of engine.logs(name, range)) {
      // The bytes are a view of what is read next.
      await connection.sendBytes(stream, Buffer.from(bytes))
    }
  } finally {
    unsubscribe()
    joined?.stream.end()
  }
  connection.send({ kind: 'exited', exitCode })
}

const WHY = 'its logging driver is "none", which throws it away'

function nothingToJoin(name: string): EngineError {
  return new EngineError('NOT_SUPPORTED', `Cannot attach to "${name}": ${WHY}`, {
    hint: 'give its service the logging driver "local", or "stdin_open: true" to send it input',
  })
}

function listener(
  { connection }: ClientSession,
  program: {
    readonly joined: ContainerInput | undefined
    readonly kill: (signal: string) => Promise<void>
  },
): SessionListener {
  const { joined, kill } = program
  return {
    onSignal: (message) => {
      if (message.kind === 'resize') joined?.resize(message.size)
      if (message.kind === 'stdin-end') joined?.stream.end()
      // It may have ended by now, which its client is told anyway.
      if (message.kind === 'signal') kill(message.signal).catch(() => undefined)
      if (message.kind === 'interrupt') kill('SIGINT').catch(() => undefined)
    },
    onBytes: (kind, bytes) => {
      if (kind !== 'stdin') return
      const taken = (): void => connection.send({ kind: 'consumed', bytes: bytes.length })
      if (joined === undefined) taken()
      else joined.stream.write(bytes, taken)
    },
  }
}
