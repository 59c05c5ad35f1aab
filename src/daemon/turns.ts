/** One command at a time per stack: the others wait their turn, and learn who has it. */

import type { Holder } from './protocol.ts'

export interface TurnRequest {
  readonly stack: string
  readonly holder: Holder
  /** Aborted when the one who waits gives up. */
  readonly signal: AbortSignal
  /** Called once for each holder that is waited for. */
  readonly onWait: (holder: Holder) => void
}

interface Waiter extends TurnRequest {
  readonly begin: () => void
}

/** One who waits until nobody holds a stack, and is told for whom. */
interface Leaving {
  readonly onWait: (stack: string, holder: Holder) => void
  readonly free: () => void
}

export class Turns {
  readonly #holders = new Map<string, Holder>()
  readonly #waiters = new Map<string, Waiter[]>()
  #freed: Leaving[] = []

  /**
   * Resolves when the stack is the caller's alone, in the order of asking; the result gives it
   * back.
   * Rejects with the signal's reason when it is aborted first.
   */
  async take(request: TurnRequest): Promise<Disposable> {
    const { stack, holder, signal, onWait } = request
    signal.throwIfAborted()
    const current = this.#holders.get(stack)
    if (current === undefined) {
      this.#begin(stack, holder)
    } else {
      onWait(current)
      await this.#wait(request)
    }
    return { [Symbol.dispose]: () => this.#pass(stack) }
  }

  /** Resolves when nobody holds a stack. `onWait` is called once for each who does until then. */
  async allFree(onWait: Leaving['onWait'] = () => {}): Promise<void> {
    if (this.#holders.size === 0) return
    for (const [stack, holder] of this.#holders) onWait(stack, holder)
    await new Promise<void>((free) => this.#freed.push({ onWait, free }))
  }

  #begin(stack: string, holder: Holder): void {
    const begun = { ...holder, since: Date.now() }
    this.#holders.set(stack, begun)
    for (const { onWait } of this.#freed) onWait(stack, begun)
  }

  #wait(request: TurnRequest): Promise<void> {
    const { stack, signal } = request
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiters = this.#waiters.get(stack) ?? []
    this.#waiters.set(stack, waiters)
    const leave = (): void => {
      const at = waiters.indexOf(waiter)
      if (at >= 0) waiters.splice(at, 1)
      reject(signal.reason)
    }
    const waiter: Waiter = {
      ...request,
      begin: () => {
        signal.removeEventListener('abort', leave)
        resolve()
      },
    }
    signal.addEventListener('abort', leave, { once: true })
    waiters.push(waiter)
    return promise
  }

  #pass(stack: string): void {
    const waiters = this.#waiters.get(stack) ?? []
    const next = waiters.shift()
    if (next) {
      this.#begin(stack, next.holder)
      for (const waiter of waiters) waiter.onWait(next.holder)
      next.begin()
      return
    }
    this.#waiters.delete(stack)
    this.#holders.delete(stack)
    if (this.#holders.size > 0) return
    for (const { free } of this.#freed) free()
    this.#freed = []
  }
}
