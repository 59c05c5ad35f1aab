/** `up --abort-on-container-exit` and its like: the first container that ends ends all of them. */

import type { Engine } from '../engine/index.ts'
import {
  checkServices,
  type DesiredState,
  type ObservedContainer,
  type ObservedState,
  serviceNames,
} from '../planner/index.ts'
import type { Interrupts } from './interrupts.ts'
import type { AbortRequest } from './protocol.ts'
import type { ShownServices } from './shown-services.ts'
import type { ClientSession } from './supervisor.ts'

interface End {
  readonly container: string
  readonly exitCode: number
}

/** Ends the `up` of `session` by an interrupt; undefined when no end is to do that. */
export function cascadeOf(
  engine: Engine,
  session: Pick<ClientSession, 'connection'>,
  what: {
    readonly abort: AbortRequest | undefined
    readonly desired: DesiredState
    readonly shown: ShownServices
    readonly interrupts: Interrupts
    readonly since?: number
  },
): Cascade | undefined {
  const { abort, desired, shown, interrupts, since } = what
  if (abort === undefined) return undefined
  if (abort.codeFrom !== undefined) {
    checkServices(desired.stack, [abort.codeFrom], serviceNames(desired))
  }
  const onEnd = (end: End): void => {
    session.connection.send({ kind: 'aborting', ...end })
    interrupts.next()
  }
  return new Cascade(engine, {
    desired,
    abort,
    counts: shown.awaits,
    onEnd,
    ...(since && { since }),
  })
}

interface CascadeOptions {
  readonly desired: DesiredState
  readonly abort: AbortRequest
  /** Services whose containers count. */
  readonly counts: (service: string) => boolean
  /** Called once. */
  readonly onEnd: (end: End) => void
  /**
   * Ends from then on count, milliseconds since the epoch; absent: those that are still to come.
   */
  readonly since?: number
}

/** Watches from now on; disposing ends it. */
class Cascade implements Disposable {
  readonly #engine: Engine
  readonly #options: CascadeOptions
  /** Runs that were over before: told by themselves, as the clock may be set meanwhile. */
  readonly #past: ReadonlySet<string>
  readonly #unsubscribe: () => void
  /** Services that others wait for to complete: that they do so is no reason to stop. */
  readonly #jobs: ReadonlySet<string>
  #end: End | undefined

  constructor(engine: Engine, options: CascadeOptions) {
    this.#engine = engine
    this.#options = options
    const dependencies = options.desired.containers.flatMap(({ dependsOn }) => dependsOn)
    this.#jobs = new Set(
      dependencies
        .filter(({ condition }) => condition === 'service_completed_successfully')
        .map(({ service }) => service),
    )
    const { stack } = options.desired
    const { containers } = engine.observeContainers(stack)
    const { since = Infinity } = options
    const past = containers.filter(({ finishedAt = 0 }) => finishedAt < since)
    this.#past = new Set(past.flatMap((each) => runOf(each) ?? []))
    this.#unsubscribe = engine.subscribe((event) => {
      if (event.kind !== 'container' || event.stack !== stack || event.state !== 'exited') return
      // It is looked at when all who are told of its end have been.
      this.look().catch(() => undefined)
    })
  }

  /** Whether something has ended already. */
  async look(): Promise<void> {
    this.#look(await this.#engine.observe(this.#options.desired.stack))
  }

  /** Once all have been stopped: what `up` ends with. */
  async tell({ connection }: Pick<ClientSession, 'connection'>): Promise<void> {
    if (this.#end === undefined) return
    connection.send({ kind: 'exit-status', exitCode: await this.#exitCode() })
  }

  async #exitCode(): Promise<number> {
    const { abort, desired } = this.#options
    const { codeFrom } = abort
    if (codeFrom === undefined) return this.#end?.exitCode ?? 0
    const { containers } = await this.#engine.observe(desired.stack)
    const own = containers
      .filter(({ service, oneOff }) => service === codeFrom && oneOff === undefined)
      .toSorted((a, b) => a.index - b.index)
    return own.find(({ exitCode }) => exitCode !== undefined)?.exitCode ?? 0
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  #look({ containers }: ObservedState): void {
    if (this.#end !== undefined) return
    const ended = containers.find((each) => this.#isEnd(each))
    if (ended === undefined) return
    this.#end = { container: ended.name, exitCode: ended.exitCode ?? 0 }
    this.#options.onEnd(this.#end)
  }

  #isEnd(container: ObservedContainer): boolean {
    const { service, oneOff, exitCode = 0 } = container
    const run = runOf(container)
    const { abort, counts } = this.#options
    if (oneOff !== undefined || !counts(service) || !isOver(container)) return false
    if (run === undefined || this.#past.has(run)) return false
    if (exitCode === 0) return abort.on === 'exit' && !this.#jobs.has(service)
    return true
  }
}

/** Which run of which container it was; undefined for one that has not ended. */
function runOf({ name, attempt, finishedAt }: ObservedContainer): string | undefined {
  return finishedAt === undefined ? undefined : `${name} ${attempt} ${finishedAt}`
}

/** It has ended and is not started again, as far as its policy tells. */
function isOver({ state, exitCode = 0, spec, restarts = 0 }: ObservedContainer): boolean {
  if (state !== 'exited') return false
  const { condition, attemptsMax } = spec.restart
  if (condition === 'no') return true
  if (condition !== 'on-failure') return false
  return exitCode === 0 || (attemptsMax !== undefined && restarts >= attemptsMax)
}
