/** `exec`: another program in a running container, joined to the client's terminal. */

import { joinProgram } from './join-program.ts'
import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectRunning } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export async function serveExec(
  { engine }: Supervisor,
  session: ClientSession,
  { input, service, index, exec }: Extract<Request, { kind: 'exec' }>,
): Promise<void> {
  const stack = await resolveStack(engine, input)
  const wanted = index === undefined ? { service } : { service, index }
  const container = selectRunning(engine, engine.observeContainers(stack), wanted)
  const program = await engine.exec(container.name, exec)
  if (exec.detach === true) {
    program.stdin.destroy()
    session.connection.send({ kind: 'exited', exitCode: 0 })
    return
  }
  const exitCode = await joinProgram(session, program)
  session.connection.send({ kind: 'exited', exitCode })
}
