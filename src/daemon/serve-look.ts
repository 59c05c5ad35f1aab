/** Requests that only look: `ps`, `ls`, `info`. */

import type { ContainerDetails, Engine } from '../engine/index.ts'
import type { ObservedContainer } from '../planner/index.ts'
import { logSourceOf } from './log-feed.ts'
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
  const containers = selectContainers(engine, observed, services)
  connection.send({ kind: 'observed', observed: { ...observed, containers } })
}

type Looked = Extract<Request, { kind: 'processes' | 'usage' | 'facts' | 'details' }>

export async function serveProcesses(
  { engine }: Supervisor,
  { connection }: ClientSession,
  request: Looked,
): Promise<void> {
  const chosen = await chosenContainers(engine, request)
  const containers = chosen.map(async (each) => ({
    ...logSourceOf(each),
    processes: await engine.processes(each.name),
  }))
  connection.send({ kind: 'processes', containers: await Promise.all(containers) })
}

export async function serveUsage(
  { engine }: Supervisor,
  { connection }: ClientSession,
  request: Looked,
): Promise<void> {
  const chosen = await chosenContainers(engine, request)
  const containers = chosen.map(async (each) => {
    const usage = await engine.usage(each.name)
    return { ...logSourceOf(each), ...(usage === undefined ? {} : { usage }) }
  })
  connection.send({ kind: 'usage', containers: await Promise.all(containers) })
}

export async function serveFacts(
  { engine }: Supervisor,
  { connection }: ClientSession,
  request: Looked,
): Promise<void> {
  const stack = await resolveStack(engine, request.input)
  const chosen = selectContainers(engine, engine.observeContainers(stack), request.services)
  const names = new Set(chosen.map(({ name }) => name))
  const all = await engine.facts(stack)
  const facts = all.filter(({ subject, name }) => subject === 'network' || names.has(name))
  const isFirewallWhole = await engine.isFirewallWhole()
  connection.send({ kind: 'facts', stack, facts, isFirewallWhole })
}

/** The whole stack is told: why a service waits is a matter of others. */
export async function serveDetails(
  { engine }: Supervisor,
  { connection }: ClientSession,
  { input, services }: Looked,
): Promise<void> {
  const observed = await engine.observe(await resolveStack(engine, input))
  selectContainers(engine, observed, services)
  const entries = await Promise.all(
    observed.containers.map(async ({ name }) => [name, await engine.details(name)] as const),
  )
  const known = entries.filter(([, details]) => details !== undefined)
  const details = Object.fromEntries(known) as Record<string, ContainerDetails>
  connection.send({ kind: 'details', observed, details })
}

export async function serveHistory(
  { engine }: Supervisor,
  { connection }: ClientSession,
  { input }: Extract<Request, { kind: 'history' }>,
): Promise<void> {
  const stack = await resolveStack(engine, input)
  connection.send({ kind: 'history', stack, revisions: await engine.history(stack) })
}

async function chosenContainers(
  engine: Engine,
  { input, services }: Looked,
): Promise<readonly ObservedContainer[]> {
  return selectContainers(
    engine,
    engine.observeContainers(await resolveStack(engine, input)),
    services,
  )
}

export async function serveStacks(
  { engine }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  connection.send({ kind: 'stacks', stacks: await engine.stacks() })
}

export async function serveStatus(
  { engine, startedAt, hostNames }: Supervisor,
  { connection }: ClientSession,
): Promise<void> {
  const memoryBytes = process.memoryUsage.rss()
  const stacks = await engine.stacks()
  const status = {
    pid: process.pid,
    version: VERSION,
    startedAt,
    memoryBytes,
    stacks,
    hasFirewall: await engine.hasFirewall(),
    ...(hostNames === undefined ? {} : { hostNames }),
  }
  connection.send({ kind: 'status', status })
}
