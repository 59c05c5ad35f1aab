/** Accepts clients, learns what each one wants, and has it served. */

import type { Server, Socket } from 'node:net'
import { checkRoom } from '../engine/index.ts'
import { HELLO_MS_MAX } from '../limits.ts'
import { checkHello, checkRequest } from './check-request.ts'
import { serveBuildStep } from './building/serve-step.ts'
import { Connection } from './connection.ts'
import { PROTOCOL } from './protocol.ts'
import type { Request, RequestKind, ServerMessage, StackInput } from './protocol.ts'
import { serveAttach } from './serve-attach.ts'
import { serveChange } from './serve-change.ts'
import { serveCopyFrom, serveCopyTo } from './serve-copy.ts'
import { serveDown } from './serve-down.ts'
import { serveEvents } from './serve-events.ts'
import { serveExec } from './serve-exec.ts'
import { serveLogs } from './serve-logs.ts'
import { serveNetwork, serveNetworks } from './serve-network.ts'
import {
  serveDetails,
  serveFacts,
  serveHistory,
  serveObserve,
  serveProcesses,
  serveStacks,
  serveStatus,
  serveUsage,
} from './serve-look.ts'
import { serveVolume, serveVolumes } from './serve-volume.ts'
import { servePlan, servePlanChange, servePlanDown } from './serve-plan.ts'
import { serveRun } from './serve-run.ts'
import { serveRejoin } from './serve-rejoin.ts'
import { serveUp } from './serve-up.ts'
import { serveWait } from './serve-wait.ts'
import { Session } from './session.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { BUILD, VERSION } from './version.ts'
import { toWire } from './wire-error.ts'

/** Serves every client of `server`; the result is who is there. `onCalm`: the last one has left. */
export function acceptClients(
  server: Server,
  supervisor: Supervisor,
  onCalm: () => void,
): ReadonlySet<Socket> {
  const clients = new Set<Socket>()
  server.on('connection', (socket) => {
    clients.add(socket)
    socket.once('close', () => {
      clients.delete(socket)
      if (clients.size === 0) onCalm()
    })
    void serveClient(supervisor, socket)
  })
  return clients
}

async function serveClient(supervisor: Supervisor, socket: Socket): Promise<void> {
  const connection = new Connection<ServerMessage>(socket)
  try {
    await converse(supervisor, connection, socket)
    connection.send({ kind: 'done' })
  } catch (error) {
    // One who has left need not be told, and has caused it most likely.
    if (!connection.signal.aborted) connection.send({ kind: 'error', error: toWire(error) })
  }
  connection.end()
}

async function converse(
  supervisor: Supervisor,
  connection: Connection<ServerMessage>,
  socket: Socket,
): Promise<void> {
  const { pid } = process
  const { startedAt } = supervisor
  const version = { protocol: PROTOCOL, version: VERSION, build: BUILD }
  connection.send({ kind: 'hello', ...version, pid, startedAt })
  checkRoom('serve another command', 'ends soon')
  let isHeard = false
  const leave = (): void => void (isHeard || socket.destroy())
  // Where this process stood still, what has come meanwhile is read first.
  const impatience = setTimeout(() => setImmediate(leave), HELLO_MS_MAX)
  const hello = await nextMessage(connection)
  if (hello === undefined) return clearTimeout(impatience)
  const { command, pid: clientPid, build, hasRequest } = checkHello(hello)
  // It was meant for one of its own build; what it asks of this one follows.
  if (hasRequest === true && build !== BUILD) await nextMessage(connection)
  const message = await nextMessage(connection)
  isHeard = true
  clearTimeout(impatience)
  if (message === undefined) return
  const session = new Session(connection, { command, pid: clientPid })
  void listen(session)
  const request = checkRequest(message)
  if (stays(request)) checkRoom(`serve "${command}"`, 'stays')
  const input = inputOf(request)
  session.env = input?.env
  session.color = input?.color
  await serve(supervisor, session, request)
}

const STAYING: ReadonlySet<RequestKind> = new Set(['events', 'wait', 'logs', 'attach', 'rejoin'])

/** It may take as long as the containers do. What runs a program is checked where that is done. */
function stays(request: Request): boolean {
  if (request.kind === 'up') return request.attach || request.watch !== undefined
  return STAYING.has(request.kind)
}

/** Which stack is meant, and by whom, of a request that says so. */
function inputOf(request: Request): StackInput | undefined {
  if ('input' in request) return request.input
  return 'source' in request && request.source.kind === 'files' ? request.source.input : undefined
}

/** Undefined when the client has left instead. */
async function nextMessage(connection: Connection<ServerMessage>): Promise<unknown> {
  const { value: frame } = await connection.frames.next()
  return frame?.kind === 'message' ? frame.message : undefined
}

/** Passes on what the client says while it is served; nonsense ends the connection. */
async function listen(session: Session): Promise<void> {
  try {
    for await (const frame of session.connection.frames) session.hear(frame)
  } catch (error) {
    session.connection.send({ kind: 'error', error: toWire(error) })
    session.connection.destroy()
  }
}

/** chokidar is read by the engine of JavaScript only when somebody watches. */
async function serveWatch(
  supervisor: Supervisor,
  session: ClientSession,
  request: Extract<Request, { kind: 'up' }>,
): Promise<void> {
  const { serveWatch: watch } = await import('./serve-watch.ts')
  return watch(supervisor, session, request)
}

type Serve<Kind extends RequestKind> = (
  supervisor: Supervisor,
  session: ClientSession,
  request: Extract<Request, { kind: Kind }>,
) => Promise<void>

const SERVE: { readonly [Kind in RequestKind]: Serve<Kind> } = {
  'hand-over': (supervisor, { connection, signal }) =>
    supervisor.handOver(signal, (stack, holder) =>
      connection.send({ kind: 'waiting', stack, holder }),
    ),
  'shut-down': (supervisor) => supervisor.shutDown(),
  status: serveStatus,
  stacks: serveStacks,
  observe: serveObserve,
  processes: serveProcesses,
  details: serveDetails,
  history: serveHistory,
  facts: serveFacts,
  usage: serveUsage,
  events: serveEvents,
  wait: serveWait,
  plan: servePlan,
  'plan-down': servePlanDown,
  'plan-change': servePlanChange,
  up: (supervisor, session, request) =>
    request.watch === undefined
      ? serveUp(supervisor, session, request)
      : serveWatch(supervisor, session, request),
  rejoin: serveRejoin,
  down: serveDown,
  volumes: serveVolumes,
  volume: serveVolume,
  networks: serveNetworks,
  network: serveNetwork,
  change: serveChange,
  logs: serveLogs,
  exec: serveExec,
  run: serveRun,
  attach: serveAttach,
  'copy-from': serveCopyFrom,
  'copy-to': serveCopyTo,
  'build-step': serveBuildStep,
}

function serve<Kind extends RequestKind>(
  supervisor: Supervisor,
  session: ClientSession,
  request: Extract<Request, { kind: Kind }>,
): Promise<void> {
  return SERVE[request.kind](supervisor, session, request)
}
