/** What every request may use: the engine, and whose turn it is. */

import type { Engine } from '../engine/index.ts'
import type { Connection } from './connection.ts'
import type { ByteFrameKind } from './framing.ts'
import type { EventMemory } from './event-memory.ts'
import type { ClientSignal, Holder, ServerMessage } from './protocol.ts'
import type { Turns } from './turns.ts'

export interface Supervisor {
  readonly engine: Engine
  readonly turns: Turns
  readonly memory: EventMemory
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** What of names is answered for programs of the host; absent: nobody asks for it. */
  readonly hostNames?: string
  /**
   * Lets go of everything but the containers, once running commands are done: `onWait` is called
   * once for each of them. Stays when `signal` is aborted meanwhile: nobody would come after it.
   */
  handOver(signal: AbortSignal, onWait: (stack: string, holder: Holder) => void): Promise<void>
  /** Stops every container, for as long as the machine is down. */
  shutDown(): Promise<void>
}

/** One client and its one request. */
export interface ClientSession {
  readonly connection: Connection<ServerMessage>
  readonly client: Holder
  /** The client's variables, once its request has brought them. */
  env?: Readonly<Record<string, string>> | undefined
  /** Text for it may be in colour. */
  color?: boolean | undefined
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Who is told of what the client says while its request runs; nobody at first. */
  listener: SessionListener
}

export interface SessionListener {
  readonly onSignal?: (signal: ClientSignal) => void
  /** The next frame is read when this is done. */
  readonly onBytes?: (kind: ByteFrameKind, bytes: Uint8Array) => void
}
