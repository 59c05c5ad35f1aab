/** Network namespaces for attempts, made ahead while nobody waits for them. */

import { close, createNetworkNamespace, type Fd } from '../linux/index.ts'
import type { NamespaceSupply, Net, ReadyNamespace } from '../net/index.ts'
import type { Children } from './machine.ts'

/**
 * Milliseconds after the last start: what its program does first, and what is done next, is not
 * held up.
 */
const REFILL_MS = 100

/** From so many on, a process that makes them costs less than they do. */
const SUPPLY_MIN = 2

/**
 * The kernel takes about a millisecond for a namespace, most of it after the call that a start
 * would have to wait for. A spare one has never had an interface or a process: it is as good as
 * new.
 */
export class NamespacePool {
  readonly #net: Pick<Net, 'prepareNamespace' | 'supplyNamespaces'>
  readonly #children: Children
  #spare: Fd | undefined
  #supply: NamespaceSupply | undefined
  #soon: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(net: Pick<Net, 'prepareNamespace' | 'supplyNamespaces'>, children: Children) {
    this.#net = net
    this.#children = children
  }

  /** A namespace of its own for the caller, who closes it, and the sockets if there are any. */
  take(): ReadyNamespace {
    const spare = this.#spare
    this.#spare = undefined
    return (spare === undefined ? this.#supply?.take() : { fd: spare }) ?? { fd: this.#make() }
  }

  /**
   * So many will be taken soon: others make them meanwhile, until the function that is returned is
   * called.
   */
  expect(count: number): () => void {
    const missing = count - (this.#spare === undefined ? 0 : 1)
    if (missing < SUPPLY_MIN || this.#supply !== undefined || this.#isClosed) return () => undefined
    const supply = this.#net.supplyNamespaces(missing)
    // Without it they are made one by one, when they are taken.
    supply?.started.then(
      (pid) => this.#children.add(pid),
      () => undefined,
    )
    this.#supply = supply
    return () => {
      supply?.close()
      if (this.#supply === supply) this.#supply = undefined
      this.refillSoon()
    }
  }

  /** Makes a spare one soon. That it cannot be made is told to whoever takes the next one. */
  refillSoon(): void {
    clearTimeout(this.#soon)
    if (this.#supply === undefined) {
      this.#soon = setTimeout(() => this.refill(), REFILL_MS).unref()
    }
  }

  /** The same at once, when there is time: an attempt has ended, and may be followed by another. */
  refill(): void {
    if (this.#isClosed || this.#spare !== undefined || this.#supply !== undefined) return
    try {
      this.#spare = this.#make()
    } catch {
      this.#spare = undefined
    }
  }

  close(): void {
    this.#isClosed = true
    this.#supply?.close()
    if (this.#spare !== undefined) close(this.#spare)
    this.#spare = undefined
  }

  #make(): Fd {
    const netns = createNetworkNamespace()
    try {
      this.#net.prepareNamespace(netns)
      return netns
    } catch (error) {
      close(netns)
      throw error
    }
  }
}
