/** The command line's end of the connection: finds the supervisor, starts it when there is none. */

import { lstatSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError, UsageError } from '../errors.ts'
import {
  SUCCESSOR_MS_MAX,
  SUPERVISOR_ANSWER_MS_MAX,
  SUPERVISOR_POLL_MS,
  SUPERVISOR_START_MS_MAX,
  TURN_MS_MAX,
} from '../limits.ts'
import { Connection } from './connection.ts'
import type { ByteFrameKind, Frame } from './framing.ts'
import type { Places } from './places.ts'
import { PROTOCOL } from './protocol.ts'
import type { ClientMessage, Request, ServerHello, ServerMessage } from './protocol.ts'
import { shortSocketPath } from './socket-path.ts'
import { BUILD, replaces, VERSION } from './version.ts'
import { RemoteError } from './wire-error.ts'

/** Whoever resumes leaves it to a guardian to start a supervisor, until so little time is left. */
const START_OURSELVES_MS = SUPERVISOR_START_MS_MAX - SUCCESSOR_MS_MAX

/** What the supervisor says: a message, or bytes of a stream. */
export type Answer =
  | { readonly kind: 'message'; readonly message: ServerMessage }
  | { readonly kind: ByteFrameKind; readonly bytes: Uint8Array }

/** One request and its answers. */
export class Session {
  readonly supervisor: ServerHello
  readonly #connection: Connection<ClientMessage>
  #hasLeft = false

  constructor(connection: Connection<ClientMessage>, supervisor: ServerHello) {
    this.#connection = connection
    this.supervisor = supervisor
  }

  send(message: ClientMessage): void {
    this.#connection.send(message)
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#connection.sendBytes('stdin', bytes)
  }

  /**
   * Everything up to `done`.
   * @throws {RemoteError} what the supervisor reports as an error.
   * @throws {EngineError} SUPERVISOR when it goes away before it is done.
   */
  async *answers(): AsyncGenerator<Answer, void> {
    for await (const frame of this.#connection.frames) {
      if (frame.kind !== 'message') {
        yield frame
        continue
      }
      // The supervisor is root's, like what we would do with its words: they are not checked again.
      const message = frame.message as ServerMessage
      if (message.kind === 'done') return
      if (message.kind === 'error') throw new RemoteError(message.error)
      yield { kind: 'message', message }
    }
    if (this.#hasLeft) return
    throw new EngineError('SUPERVISOR', 'The supervisor ended before it had answered', {
      hint: 'containers keep running; run the command again',
    })
  }

  /** Ends the answers, whatever is still to come. */
  leave(): void {
    this.#hasLeft = true
    this.close()
  }

  close(): void {
    this.#connection.destroy()
  }
}

export interface ConnectOptions {
  readonly places: Places
  /** What others are told while they wait: `tsstack up`. */
  readonly command: string
  /**
   * The supervisor has just gone away: its successor is waited for, and is not replaced, whatever
   * its version is.
   */
  readonly resuming?: boolean
  /** A supervisor that is to be replaced works for `holder` still. */
  readonly onBusy?: (supervisor: ServerHello, busy: Busy) => void
}

export type Busy = Extract<ServerMessage, { kind: 'waiting' }>

/**
 * A session with the supervisor of `places`, to which `request` was sent; it is started, or
 * replaced by a newer one, as needed.
 * @throws {UsageError} NOT_ROOT when the caller may neither use its socket nor start it.
 * @throws {EngineError} SUPERVISOR or STATE_DIRECTORY when it cannot be reached.
 */
export async function openRequest(options: ConnectOptions, request: Request): Promise<Session> {
  const { places } = options
  let end = now() + SUPERVISOR_START_MS_MAX
  let isBusy = false
  while (now() < end) {
    const session = await greet(options, request)
    if (session === undefined) {
      const mayCome = options.resuming === true && end - now() > START_OURSELVES_MS
      await (mayCome ? sleep(SUPERVISOR_POLL_MS) : start(places))
    } else if (
      options.resuming !== true &&
      !isBusy &&
      replaces({ version: VERSION, build: BUILD }, session.supervisor)
    ) {
      const since = now()
      // Whoever only looks need not wait for it: the older one answers, when we understand it.
      const waits = CHANGES.has(request.kind) || session.supervisor.protocol !== PROTOCOL
      isBusy = (await handOver(session, { ...options, waits })) === 'busy'
      end += now() - since
    } else {
      compatible(session)
      if (session.supervisor.build !== BUILD) session.send(request)
      return session
    }
  }
  throw new EngineError(
    'SUPERVISOR',
    `Cannot reach the supervisor at "${places.socket}": no answer in ${SUPERVISOR_START_MS_MAX} ms`,
    { hint: `look into "${places.log}"` },
  )
}

/** In ms. `performance` would be a module to load, at a millisecond for each command. */
const now = (): number => process.uptime() * 1000

/** What is for the newer supervisor alone to do, or to foresee. */
const CHANGES: ReadonlySet<Request['kind']> = new Set([
  'up',
  'run',
  'down',
  'change',
  'plan',
  'plan-down',
  'plan-change',
  'volume',
  'network',
  'build-step',
  'shut-down',
])

/** Ends the supervisor that there is, if any, once running commands are done; containers run on. */
export async function replaceSupervisor(options: ConnectOptions): Promise<void> {
  const session = await greet(options)
  if (session !== undefined) await handOver(session, { ...options, waits: true })
}

/**
 * Undefined when no supervisor listens, or when it is just ending. `request` is sent at once, for a
 * supervisor of our own build alone: nearly always it is one, and need not be waited for.
 */
async function greet(
  { places, command }: ConnectOptions,
  request?: Request,
): Promise<Session | undefined> {
  const { pid } = process
  const hello: ClientMessage = {
    kind: 'hello',
    protocol: PROTOCOL,
    version: VERSION,
    build: BUILD,
    pid,
    command,
    hasRequest: request !== undefined,
  }
  const connection = await dial(places, request === undefined ? [hello] : [hello, request])
  if (connection === undefined) return undefined
  const frame = await firstFrame(connection, places)
  if (frame?.kind !== 'message') return undefined
  return new Session(connection, frame.message as ServerHello)
}

/** Throws SUPERVISOR when it has said nothing in half a minute. */
async function firstFrame(
  connection: Connection<ClientMessage>,
  { lock, log, socket }: Places,
): Promise<Frame | undefined> {
  let isSilent = false
  const impatience = setTimeout(() => {
    isSilent = true
    connection.destroy()
  }, SUPERVISOR_ANSWER_MS_MAX)
  const { value: frame } = await connection.frames.next()
  clearTimeout(impatience)
  if (!isSilent) return frame ?? undefined
  const pid = readFileSync(lock, 'utf8').trim()
  const seconds = SUPERVISOR_ANSWER_MS_MAX / 1000
  throw new EngineError(
    'SUPERVISOR',
    `Cannot reach the supervisor at "${socket}": process ${pid} has said nothing in ${seconds} s`,
    {
      hint:
        `it may be stopped: kill -CONT ${pid}; or have no descriptor left: ` +
        `prlimit --pid ${pid} --nofile=65536; look into "${log}"`,
    },
  )
}

/** The connection, to which `first` is written as soon as there is one. */
async function dial(
  places: Places,
  first: readonly ClientMessage[],
): Promise<Connection<ClientMessage> | undefined> {
  if (!isTrustworthy(places)) return undefined
  // Not before it is needed: `version` and `config` never are in contact.
  const { connect: connectSocket } = process.getBuiltinModule('net')
  const { path, release } = shortSocketPath(places.socket)
  try {
    return await new Promise((resolve, reject) => {
      const socket = connectSocket({ path, allowHalfOpen: false })
      const connection = new Connection<ClientMessage>(socket)
      connection.send(...first)
      socket.once('connect', () => resolve(connection))
      socket.once('error', (error: NodeJS.ErrnoException) =>
        isAbsent(error) ? resolve(undefined) : reject(unreachable(places, error)),
      )
    })
  } finally {
    release()
  }
}

/** False when there is no directory. Throws when somebody else could have put a socket into it. */
function isTrustworthy({ run }: Places): boolean {
  let stat
  try {
    stat = lstatSync(run)
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException
    if (error.code === 'ENOENT') return false
    if (error.code === 'EACCES') throw notRoot(run)
    throw new EngineError('STATE_DIRECTORY', `Cannot use directory "${run}": ${error.message}`, {
      cause,
    })
  }
  const owned = stat.uid === 0 || stat.uid === process.geteuid?.()
  if (stat.isDirectory() && owned && (stat.mode & 0o022) === 0) return true
  throw new EngineError(
    'STATE_DIRECTORY',
    `Cannot trust directory "${run}": others than its owner root may write to it`,
    { hint: 'remove it, or choose another place with TSSTACK_ROOT' },
  )
}

function isAbsent({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET'
}

function unreachable(places: Places, cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') return notRoot(places.run)
  return new EngineError(
    'SUPERVISOR',
    `Cannot reach the supervisor at "${places.socket}": ${cause.message}`,
    { cause },
  )
}

async function start(places: Places): Promise<void> {
  const report = await (process.geteuid?.() === 0 ? startOfRoot(places) : startOfUser(places))
  // It answers already or is about to: the one that was first has the lock.
  if (report === 'held') await sleep(SUPERVISOR_POLL_MS)
}

async function startOfRoot(places: Places): Promise<'ready' | 'held'> {
  const { startSupervisor } = await import('./start.ts')
  return startSupervisor(places)
}

async function startOfUser(places: Places): Promise<'ready' | 'held'> {
  const { startRootless } = await import('./rootless/start.ts')
  return startRootless(places)
}

/**
 * Ends when the older supervisor has let go; the containers are not touched. `busy`: commands of it
 * are changing stacks, and we do not wait; it stays.
 * @throws {UsageError} STACK_BUSY when its commands take longer than ten minutes.
 */
async function handOver(
  session: Session,
  { onBusy, waits }: ConnectOptions & { readonly waits: boolean },
): Promise<'let go' | 'busy'> {
  let last: Busy | undefined
  let isPatient = true
  const patience = setTimeout(() => {
    isPatient = false
    session.leave()
  }, TURN_MS_MAX)
  session.send({ kind: 'hand-over' })
  try {
    for await (const answer of session.answers()) {
      if (answer.kind !== 'message' || answer.message.kind !== 'waiting') continue
      if (!waits) return 'busy'
      last = answer.message
      onBusy?.(session.supervisor, last)
    }
  } catch (error) {
    // That it goes away without a last word is what was asked of it.
    if (!(error instanceof EngineError)) throw error
  } finally {
    clearTimeout(patience)
    session.close()
  }
  if (!isPatient) throw busy(session.supervisor, last)
  return 'let go'
}

function busy({ pid, version }: ServerHello, last: Busy | undefined): UsageError {
  const minutes = TURN_MS_MAX / 60_000
  const who = last === undefined ? '' : `: ${last.holder.command} (pid ${last.holder.pid}) does so`
  return new UsageError(
    `Cannot replace the supervisor of version ${version} (pid ${pid}): it has changed ` +
      `${last === undefined ? 'stacks' : `stack "${last.stack}"`} for ${minutes} minutes${who}`,
    { code: 'STACK_BUSY', hint: 'wait for it, or interrupt it, and run this command again' },
  )
}

function compatible(session: Session): void {
  const { protocol, version } = session.supervisor
  if (protocol === PROTOCOL) return
  session.close()
  throw new EngineError(
    'SUPERVISOR',
    `Cannot talk to the supervisor: it is of version ${version}, this command of ${VERSION}`,
    { hint: `use the tsstack of version ${version}, or take its stacks down first` },
  )
}

function notRoot(run: string): UsageError {
  const uid = process.geteuid?.()
  return new UsageError(
    `Cannot use the supervisor in "${run}": root is needed, and you are uid ${uid}`,
    {
      code: 'NOT_ROOT',
      hint:
        'run it with sudo; should sudo not find a node that is installed in your home directory: ' +
        `sudo ${process.execPath} ${process.argv[1] ?? 'tsstack'} …; ` +
        'root can let a group use the socket: TSSTACK_GROUP=NAME',
    },
  )
}
