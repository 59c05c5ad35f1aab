/** Requests about networks of the whole machine. */

import type { Request } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

export async function serveNetworks(
  { engine }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  connection.send({ kind: 'networks', networks: await engine.networks() })
}

export async function serveNetwork(
  { engine }: Supervisor,
  { connection }: ClientSession,
  { command }: Extract<Request, { kind: 'network' }>,
): Promise<void> {
  connection.send({ kind: 'network-changed', names: await engine.network(command) })
}
