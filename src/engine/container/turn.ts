/**
 * Starts that begin early: what a start needs is made ready while others, which come before it, are
 * still under way. It goes on where its program is looked up, when its turn has come.
 */

import type { LiveContainer } from '../machine.ts'

/** Early at once: each holds some descriptors for as long as it waits. */
const EARLY_MAX = 16

let early = 0

/**
 * Whether nothing that is made before its turn depends on what others do until then. The mounts
 * come after it: somebody's job may write what is mounted.
 */
export function canBeMadeReady({ record, attempt, held }: LiveContainer): boolean {
  const { spec, oneOff } = record
  const { network, hooks, links, namespaces, cdi, devices, faults } = spec
  const isPlain = [hooks, links, namespaces, cdi, devices, faults, oneOff].every(
    (special) => special === undefined,
  )
  const isFree = attempt === undefined && held === undefined
  const isAlone = network.kind === 'networks' || network.kind === 'none'
  return early < EARLY_MAX && isPlain && isFree && isAlone
}

/** The same for one that has never run: of others the root may change until they are started. */
export function canBeginEarly(container: LiveContainer): boolean {
  return container.record.attempts === 0 && canBeMadeReady(container)
}

/** Starts that go on at the moment, in this process. */
let underWay = 0

/** Of those, the ones whose monitor does not run yet. */
let preparing = 0

/** Early ones that have not begun. */
const waiting: (() => void)[] = []

/** The place of one start among the others. */
export class Turn {
  readonly #ready: (() => Promise<void>) | undefined
  #comes: Promise<void> | undefined
  #isPreparing = false
  #whenCome: (() => void) | undefined
  /** What came before it has failed: it is not started. */
  isRefused = false

  /** `ready` resolves when its turn has come; absent: it has. */
  constructor(ready: (() => Promise<void>) | undefined) {
    this.#ready = ready
  }

  /** Resolves when it may begin: an early one does when no other start needs the thread. */
  async begin(): Promise<void> {
    if (this.#ready !== undefined) {
      early += 1
      this.#comes = this.#ready()
      await aside(this.#comes)
    }
    this.#enter()
  }

  /** `show` is called when its turn has come: nobody is to see it before. */
  whenCome(show: () => void): void {
    this.#whenCome = show
    if (this.#ready === undefined) this.hasCome()
  }

  /** From now on it is there, whatever becomes of it. */
  hasCome(): void {
    this.#whenCome?.()
    this.#whenCome = undefined
  }

  /** Resolves when its turn has come. */
  async come(): Promise<void> {
    if (this.#comes === undefined) return
    this.#leave()
    try {
      await this.#comes
    } catch (failure) {
      this.isRefused = true
      throw failure
    } finally {
      this.#enter()
    }
    this.hasCome()
  }

  /** Others have something to do meanwhile. */
  get hasOthers(): boolean {
    return underWay > 1
  }

  /** From now on the kernel works for it. */
  spawned(): void {
    if (!this.#isPreparing) return
    this.#isPreparing = false
    preparing -= 1
    if (preparing === 0) waiting.shift()?.()
  }

  end(): void {
    this.#leave()
    if (this.#ready !== undefined) early -= 1
  }

  #enter(): void {
    underWay += 1
    preparing += 1
    this.#isPreparing = true
  }

  #leave(): void {
    underWay -= 1
    this.spawned()
  }
}

/** Resolves when no start prepares anything, or when `turn` settles. */
async function aside(turn: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // Whoever waits for it hears how it went.
  turn.then(resolve, resolve)
  if (preparing === 0) return
  waiting.push(resolve)
  await promise
  const at = waiting.indexOf(resolve)
  if (at >= 0) waiting.splice(at, 1)
}
