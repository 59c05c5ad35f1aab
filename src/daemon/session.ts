/** One client of the supervisor: what it says while its request runs reaches whoever listens. */

import { checkSignal } from './check-request.ts'
import type { Connection } from './connection.ts'
import type { Frame } from './framing.ts'
import type { Holder, ServerMessage } from './protocol.ts'
import type { ClientSession, SessionListener } from './supervisor.ts'

export class Session implements ClientSession {
  readonly connection: Connection<ServerMessage>
  readonly client: Holder
  readonly signal: AbortSignal
  env?: Readonly<Record<string, string>> | undefined
  color?: boolean | undefined
  #listener: SessionListener = {}
  /** By its user, before anybody listened: whoever does first is told of it. */
  #wasInterrupted = false

  constructor(connection: Connection<ServerMessage>, client: Holder) {
    this.connection = connection
    this.client = client
    this.signal = connection.signal
  }

  get listener(): SessionListener {
    return this.#listener
  }

  set listener(listener: SessionListener) {
    this.#listener = listener
    if (!this.#wasInterrupted || listener.onSignal === undefined) return
    this.#wasInterrupted = false
    listener.onSignal({ kind: 'interrupt' })
  }

  /** Throws what is wrong with nonsense. */
  hear(frame: Frame): void {
    const { onSignal, onBytes } = this.#listener
    if (frame.kind !== 'message') return onBytes?.(frame.kind, frame.bytes)
    const signal = checkSignal(frame.message)
    if (onSignal) onSignal(signal)
    else this.#wasInterrupted ||= signal.kind === 'interrupt'
  }
}
