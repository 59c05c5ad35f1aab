/** `up --watch` and `watch`: makes the stack as its files say, and again whenever they change. */

import { PreflightError, SpecError, UsageError } from '../errors.ts'
import type { DesiredState, PlanOptions } from '../planner/index.ts'
import { applyAndTell } from './apply-and-tell.ts'
import { tellBuilds } from './building/tell.ts'
import { attachTo } from './attach.ts'
import type { Attached } from './attach.ts'
import { checkFirst } from './check-first.ts'
import { developRules } from './develop/rules.ts'
import { Interrupts } from './interrupts.ts'
import { loadDesired } from './load.ts'
import type { Loaded } from './load.ts'
import type { Request, StackInput, WatchMode } from './protocol.ts'
import { stopAndTell } from './stop-and-tell.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { nextChange } from './watch/changes.ts'
import { InvalidStack, toWire } from './wire-error.ts'

type UpRequest = Extract<Request, { kind: 'up' }>

export async function serveWatch(
  supervisor: Supervisor,
  session: ClientSession,
  request: UpRequest,
): Promise<void> {
  if (request.source.kind !== 'files') {
    throw new UsageError('Cannot watch a stack that came without its files')
  }
  const watcher = new StackWatcher(supervisor, session, request)
  await watcher.follow(request.source.input, request.watch ?? 'now')
  await watcher.end()
}

/** Follows the files of one stack for one client. */
class StackWatcher {
  readonly #supervisor: Supervisor
  readonly #session: ClientSession
  readonly #request: UpRequest
  readonly #interrupts = new Interrupts()
  /** What the files last said without an error. */
  #good: DesiredState | undefined
  /** Services that the files have had since we watch. */
  readonly #known = new Set<string>()
  #attached: Attached | undefined

  constructor(supervisor: Supervisor, session: ClientSession, request: UpRequest) {
    this.#supervisor = supervisor
    this.#session = session
    this.#request = request
    session.listener = { onSignal: ({ kind }) => kind === 'interrupt' && this.#interrupts.next() }
  }

  /** Until the client interrupts it or leaves. Throws when there are no files to begin with. */
  async follow(input: StackInput, mode: WatchMode): Promise<void> {
    const { connection } = this.#session
    const signal = AbortSignal.any([this.#session.signal, this.#interrupts.first])
    for (let round = 0; ; round += 1) {
      const loaded = loadDesired(input)
      if (round === 0) refuseToWaitForNothing(loaded)
      // The client builds them, and asks once more.
      if (round === 0 && (await this.#tellsBuilds(loaded))) return
      await this.#take(loaded, { apply: mode === 'now' || round > 0 })
      if (signal.aborted) return
      const files = await nextChange({ seen: loaded.seen, base: input.cwd, signal })
      if (signal.aborted) return
      connection.send({ kind: 'changed', files })
    }
  }

  /** As `up` without --watch ends: attached, the containers are stopped. */
  async end(): Promise<void> {
    using attached = this.#attached
    const stack = this.#good?.stack
    if (attached === undefined || stack === undefined || !this.#interrupts.first.aborted) return
    const { options } = this.#request
    const interrupts = this.#interrupts
    await stopAndTell(this.#supervisor, this.#session, { stack, options, interrupts })
    await attached.drained()
  }

  /** Applies what the files say; or says why not, and leaves the stack as it is. */
  async #take(loaded: Loaded, { apply }: { readonly apply: boolean }): Promise<void> {
    const { connection } = this.#session
    const error = this.#errorOf(loaded)
    if (error !== undefined || loaded.kind !== 'loaded') {
      connection.send({ kind: 'rejected', error: toWire(error) })
      return
    }
    const { desired, warnings, seen } = loaded
    const { stack } = desired
    connection.send({ kind: 'loaded', stack, warnings })
    const develop = rulesOf(loaded)
    if (develop instanceof UsageError) {
      connection.send({ kind: 'rejected', error: toWire(develop) })
      return
    }
    if (this.#request.attach) await this.#attach(stack)
    if (apply && !(await this.#apply(desired))) return
    this.#good = desired
    for (const service of servicesOf(desired)) this.#known.add(service)
    const files = [...seen].filter(([, print]) => print !== 'ENOENT').map(([path]) => path)
    connection.send({ kind: 'watching', stack, files, develop })
  }

  async #tellsBuilds(loaded: Loaded): Promise<boolean> {
    if (loaded.kind !== 'loaded') return false
    const { build, options } = this.#request
    const { desired } = loaded
    return tellBuilds(this.#supervisor, this.#session, {
      desired,
      options,
      build,
      check: () => checkFirst(this.#supervisor, this.#session, { desired, options }),
    })
  }

  #errorOf(loaded: Loaded): Error | undefined {
    if (loaded.kind === 'invalid') return new InvalidStack(loaded.error, loaded.rendered)
    if (loaded.kind === 'too-large') return new UsageError('Cannot watch: the files are too large')
    const [before, after] = [this.#good?.stack, loaded.desired.stack]
    if (before === undefined || before === after) return undefined
    return new UsageError(
      `Cannot follow: the name of the stack has changed from "${before}" to "${after}"`,
      { hint: `change it back, or take "${before}" down and watch again` },
    )
  }

  async #attach(stack: string): Promise<void> {
    this.#attached ??= attachTo(this.#supervisor.engine, this.#session, stack)
    await this.#attached.followRunning()
  }

  /** False when it could not even be begun. */
  async #apply(desired: DesiredState): Promise<boolean> {
    const { options } = this.#request
    const isFirst = this.#good === undefined
    try {
      await applyAndTell(this.#supervisor, this.#session, {
        desired,
        options: isFirst ? options : laterOptions(options, desired, this.#known),
        // Whoever saves a file does not ask for new images.
        pull: isFirst ? this.#request.pull : undefined,
        signal: this.#interrupts.first,
      })
      return true
    } catch (error) {
      // Somebody else holds the stack, a service that was named is no longer in the file, or
      // something is in its way: nothing was touched.
      const mayPass = error instanceof UsageError || error instanceof PreflightError
      if (!mayPass || isFirst) throw error
      this.#session.connection.send({ kind: 'rejected', error: toWire(error) })
      return false
    }
  }
}

function rulesOf({ stack }: Extract<Loaded, { kind: 'loaded' }>): Develop | UsageError {
  try {
    return developRules(stack)
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
}

type Develop = ReturnType<typeof developRules>

/** A file with mistakes may be mended while we wait; that there is none at all is no beginning. */
function refuseToWaitForNothing(loaded: Loaded): void {
  if (loaded.kind !== 'invalid' || !isMissing(loaded.error)) return
  throw new InvalidStack(loaded.error, loaded.rendered)
}

function isMissing(error: SpecError): boolean {
  return error.diagnostics.some(({ rule }) => rule === 'no-file')
}

/**
 * What was to be done once is done: to replace everything at each change was not what was asked.
 * A service that an edit takes out of the file goes; containers of others than that stay, as with
 * `up`.
 */
function laterOptions(
  options: PlanOptions,
  desired: DesiredState,
  known: ReadonlySet<string>,
): PlanOptions {
  const present = new Set([...servicesOf(desired), ...(desired.inactiveServices ?? [])])
  return {
    ...options,
    forceRecreate: undefined,
    alwaysRecreateDeps: undefined,
    removedServices: [...known].filter((service) => !present.has(service)),
  }
}

function servicesOf({ services, containers }: DesiredState): readonly string[] {
  return services ?? containers.map(({ service }) => service)
}
