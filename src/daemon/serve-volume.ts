/** Requests about volumes of the whole machine. */

import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export async function serveVolumes(
  { engine }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  connection.send({ kind: 'volumes', volumes: await engine.volumes() })
}

export async function serveVolume(
  { engine }: Supervisor,
  { connection }: ClientSession,
  { command }: Extract<Request, { kind: 'volume' }>,
): Promise<void> {
  connection.send({ kind: 'volume-changed', names: await engine.volume(command) })
}
