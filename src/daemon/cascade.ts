/** `up --abort-on-container-exit` and its like: the first container that ends ends all of them. */

import type { Engine } from '../engine/index.ts'
import type { DesiredState, ObservedContainer, ObservedState } from '../planner/index.ts'
import type { AbortRequest } from './protocol.ts'

export interface End {
  readonly container: string
  readonly exitCode: number
}

export interface CascadeOptions {
  readonly desired: DesiredState
  readonly abort: AbortRequest
  /** Services whose containers count. */
  readonly counts: (service: string) => boolean
  /** Called once. */
  readonly onEnd: (end: End) => void
}

/** Watches from now on; disposing ends it. */
export class Cascade implements Disposable {
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
    this.#past = new Set(containers.flatMap((each) => runOf(each) ?? []))
    this.#unsubscribe = engine.subscribe((event) => {
      if (event.kind !== 'container' || event.stack !== stack || event.state !== 'exited') return
      // It is looked at when all who are told of its end have been.
      engine.observe(stack).then(
        (observed) => this.#look(observed),
        () => undefined,
      )
    })
  }

  /** The first end that counted. */
  get end(): End | undefined {
    return this.#end
  }

  /** What `up` ends with, once all have been stopped. */
  async exitCode(): Promise<number> {
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
