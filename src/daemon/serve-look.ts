/** Requests that only look: `ps`, `ls`, `info`. */

import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectContainers } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { VERSION } from './version.ts'

export async function serveObserve(
  { engine }: Supervisor,
  { connection }: ClientSession,
  { input, services }: Extract<Request, { kind: 'observe' }>,
): Promise<void> {
  const observed = await engine.observe(await resolveStack(engine, input))
  const containers = selectContainers(observed, services)
  connection.send({ kind: 'observed', observed: { ...observed, containers } })
}

export async function serveStacks(
  { engine }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  connection.send({ kind: 'stacks', stacks: await engine.stacks() })
}

export async function serveStatus(
  { engine, startedAt }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  const memoryBytes = process.memoryUsage.rss()
  const stacks = await engine.stacks()
  const status = { pid: process.pid, version: VERSION, startedAt, memoryBytes, stacks }
  connection.send({ kind: 'status', status })
}
