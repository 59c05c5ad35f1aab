/**
 * The supervisor's life: directories, lock, engine, socket; and its end when there is nothing to
 * do.
 */

import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { createEngine, makeRoomToAnswer } from '../engine/index.ts'
import type { Engine, EngineEvent } from '../engine/index.ts'
import { SUPERVISOR_IDLE_MS } from '../limits.ts'
import { groupOf, listenPrivately, makeDirectories } from './access.ts'
import { bringUpAtBoot } from './boot.ts'
import { type Guardian, keepGuardian, type Revivals } from './guardian.ts'
import { type HostNamesState, startHostNames } from './host-names.ts'
import { EventMemory } from './event-memory.ts'
import { takeLock } from './lock.ts'
import type { Places } from './places.ts'
import type { Holder } from './protocol.ts'
import { say, sayError } from './say.ts'
import { acceptClients } from './server.ts'
import { stopForShutdown } from './shutdown.ts'
import type { Supervisor } from './supervisor.ts'
import { codeCacheDirectory, tidyCodeCache } from './tidy-code-cache.ts'
import { tidyMemory } from './tidy-memory.ts'
import { Turns } from './turns.ts'

export interface RunOptions {
  readonly places: Places
  /** Stay when there is nothing to supervise: for a service manager. */
  readonly stay: boolean
  /** Without root: descriptor of the process that stayed outside, kept for the next supervisor. */
  readonly outside?: number | undefined
  /** What guardians have counted. */
  readonly past: Revivals
  /** Called once, when clients are served. */
  readonly onReady: () => void
}

/**
 * Supervises until it is told to end, or nothing is left to do; containers are never touched by its
 * end. `held`: another supervisor is there already.
 */
export async function runSupervisor(options: RunOptions): Promise<'ended' | 'held'> {
  const { places } = options
  // Inherited masks and directories are the caller's business, not the containers'.
  process.umask(0o022)
  process.chdir('/')
  const gid = groupOf(places, process.env)
  makeDirectories(places, gid)
  if ((await takeLock(places)) === 'held') return 'held'
  // A service manager is guardian enough.
  const { outside, past } = options
  const guard = options.stay
    ? undefined
    : (isReady: boolean) => keepGuardian(places, past, { outside, isReady })
  // One that was revived must not fail to adopt for ever; the first is in no control group yet, and
  // whoever started it learns why it failed.
  const early = past.revived > 0 ? guard?.(false) : undefined
  const engine = await createEngine({
    stateDirectory: places.state,
    runDirectory: places.engineRun,
    outside,
  })
  // A service manager learns why it failed, and nobody waits for it.
  if (options.stay) await engine.opened
  const hostNames = await startHostNames(engine, places)
  const life = new Life(engine, options, hostNames)
  life.guardian = early
  await listenPrivately(life.server, places, gid)
  options.onReady()
  void life.whenOpened(() => {
    early?.ready()
    life.guardian = early ?? guard?.(true)
    if (options.stay) life.bringUp(places)
  })
  await life.ended
  return 'ended'
}

/** What no command may be there to show. */
function sayInLog({ time, stack, message }: Extract<EngineEvent, { kind: 'warning' }>): void {
  say(`${stack}: ${message}`, time)
}

/** Where nobody waits for it. A cache that cannot be tidied is no reason not to end. */
function tidyCache(): void {
  const directory = codeCacheDirectory()
  if (directory === undefined) return
  try {
    tidyCodeCache(directory, Date.now())
  } catch (error) {
    sayError(error)
  }
}

/** Between two looks at the limit of descriptors, in milliseconds: nothing tells that it changed. */
const ROOM_LOOK_MS = 60_000

/** Who connects is told, and not left waiting. */
function keepRoom(): void {
  const said = makeRoomToAnswer()
  if (said !== undefined) say(said)
}

class Life {
  readonly server: Server = createServer()
  readonly ended: Promise<void>
  /** Absent until the engine is opened, and under a service manager. */
  guardian: Guardian | undefined
  readonly #engine: Engine
  readonly #stay: boolean
  readonly #hostNames: HostNamesState | undefined
  readonly #turns = new Turns()
  readonly #clients: ReadonlySet<Socket>
  readonly #end: () => void
  #timer: NodeJS.Timeout | undefined
  #idleMs = SUPERVISOR_IDLE_MS
  #isEnding = false

  constructor(engine: Engine, { places, stay }: RunOptions, hostNames: HostNamesState | undefined) {
    this.#engine = engine
    this.#hostNames = hostNames
    this.#stay = stay
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
    const memory = new EventMemory()
    engine.subscribe((event) => memory.add(event))
    const supervisor: Supervisor = {
      engine,
      turns: this.#turns,
      memory,
      startedAt: Date.now(),
      ...(hostNames === undefined ? {} : { hostNames: hostNames.text }),
      handOver: (signal, onWait) => this.#handOver(signal, onWait),
      shutDown: () => stopForShutdown(places, { engine, turns: this.#turns }),
    }
    this.#clients = acceptClients(this.server, supervisor, () => this.#endSoon())
    engine.subscribe((event) => {
      this.#endSoon()
      if (event.kind === 'warning') sayInLog(event)
    })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => this.#stop())
    this.server.once('listening', () => this.#endSoon())
    setInterval(keepRoom, ROOM_LOOK_MS).unref()
  }

  /** What makes it one that lives: from then on there may be containers. */
  async whenOpened(begin: () => void): Promise<void> {
    try {
      await this.#engine.opened
    } catch (error) {
      sayError(error)
      // Whoever asks is told; the next one may find the cause mended.
      this.server.close()
      this.#idleMs = 0
      return this.#endSoon()
    }
    if (this.#isEnding) return
    try {
      begin()
    } catch (error) {
      // Without a guardian it serves all the same, and must not keep others away.
      sayError(error)
    }
  }

  /** Beside everything else: clients are served meanwhile. */
  bringUp(places: Places): void {
    bringUpAtBoot(places, { engine: this.#engine, turns: this.#turns }).catch((error: unknown) =>
      sayError(error),
    )
  }

  /** Looks after a while whether there is still nothing to do. */
  #endSoon(): void {
    clearTimeout(this.#timer)
    if (this.#clients.size > 0) return
    this.#timer = setTimeout(() => {
      this.#endIfIdle().catch((error: unknown) => sayError(error))
    }, this.#idleMs)
  }

  async #endIfIdle(): Promise<void> {
    if (this.#clients.size > 0) return
    tidyCache()
    if (this.#stay || !(await this.#engine.isIdle())) return tidyMemory()
    // Somebody may have come while the engine was asked.
    if (this.#clients.size === 0) this.#stop()
  }

  /** Whoever comes while commands still run is served, and not left with a lock that is held. */
  async #handOver(
    signal: AbortSignal,
    onWait: (stack: string, holder: Holder) => void,
  ): Promise<void> {
    await this.#turns.allFree(onWait)
    if (signal.aborted) return
    this.server.close()
    // After the answer to the one who asked is on its way.
    setImmediate(() => this.#stop())
  }

  async #closeAll(): Promise<void> {
    await this.#hostNames?.close()
    await this.#engine.close()
  }

  #stop(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    clearTimeout(this.#timer)
    this.guardian?.dismiss()
    this.server.close()
    for (const client of this.#clients) client.end().resume()
    this.#closeAll()
      .catch((error: unknown) => sayError(error))
      .finally(() => this.#end())
  }
}
