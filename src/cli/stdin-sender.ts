/** Sends standard input to a program in a container, never more than its window has room for. */

import type { Session } from '../daemon/index.ts'
import type { DetachKeys } from './detach-keys.ts'
import { isNullDevice } from './output.ts'

/** Makes `process.stdin`, which takes a millisecond or two, while the supervisor is at work. */
export function prepareStdin(): void {
  if (!isNullDevice(0)) process.stdin.pause()
}

export class StdinSender implements Disposable {
  readonly #session: Session
  #window: number
  readonly #keys: DetachKeys | undefined

  /** `keys`: what is typed is looked through for them, and they end the session. */
  constructor(session: Session, window: number, keys?: DetachKeys) {
    this.#session = session
    this.#window = window
    this.#keys = keys
    process.stdin.on('data', this.#send).on('end', this.#end).on('error', this.#end)
    process.stdin.resume()
  }

  /** The program has taken so many bytes: there is room again. */
  consumed(bytes: number): void {
    this.#window += bytes
    if (this.#window > 0 && process.stdin.isPaused()) process.stdin.resume()
  }

  [Symbol.dispose](): void {
    process.stdin.off('data', this.#send).off('end', this.#end).off('error', this.#end)
    process.stdin.pause()
  }

  readonly #send = (typed: Buffer): void => {
    const { passed: bytes, isDetached } = this.#keys?.push(typed) ?? {
      passed: typed,
      isDetached: false,
    }
    if (isDetached) return this.#session.leave()
    if (bytes.length === 0) return
    this.#window -= bytes.length
    void this.#session.sendBytes(bytes)
    if (this.#window <= 0) process.stdin.pause()
  }

  readonly #end = (): void => {
    this.#session.send({ kind: 'stdin-end' })
  }
}
