/** One RUN of a build that a client is at. */

import type { Request } from '../protocol.ts'
import type { ClientSession, Supervisor } from '../supervisor.ts'

export async function serveBuildStep(
  { engine }: Supervisor,
  { connection, signal }: ClientSession,
  { step }: Extract<Request, { kind: 'build-step' }>,
): Promise<void> {
  const exitCode = await engine.runBuildStep({
    ...step,
    signal,
    onOutput: (stream, bytes) => connection.sendBytes(stream, bytes),
  })
  connection.send({ kind: 'exited', exitCode })
}
