/**
 * Plans of the commands that take containers as they are: start, stop, restart, kill, pause,
 * unpause, rm. What the stack file says now does not matter to them.
 */

import { UsageError } from '../errors.ts'
import { isAlive } from './is-alive.ts'
import type { Action, DesiredState, ObservedContainer, ObservedState, Plan } from './model.ts'
import { plan } from './plan.ts'
import { idOf } from './scene.ts'
import { checkServices } from './select.ts'

export type LifecycleVerb = 'start' | 'stop' | 'restart' | 'kill' | 'pause' | 'unpause' | 'remove'

export interface LifecycleOptions {
  /** Absent or empty: all. */
  readonly services?: readonly string[] | undefined
  /** Milliseconds between the stop signal and SIGKILL; absent: each service's own. */
  readonly graceMs?: number | undefined
  /** Of `restart`: leave dependents alone that want to be restarted with it. */
  readonly noDeps?: boolean | undefined
  /** Of `kill`; absent: SIGKILL. */
  readonly killSignal?: string | undefined
  /** Of `remove`: stop first what runs. */
  readonly stop?: boolean | undefined
  /** Of `remove`: anonymous volumes too. */
  readonly volumes?: boolean | undefined
}

export interface LifecycleRequest {
  readonly verb: LifecycleVerb
  readonly observed: ObservedState
  /** What the stack was last told to be: its networks may have to be made again. */
  readonly known: DesiredState | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly options: LifecycleOptions
}

/**
 * The actions in their order, none when all is so already.
 * @throws UsageError NO_SUCH_SERVICE for a service that the stack does not have; NOT_RUNNING for
 * one that is to be started, or a stack, and has no container.
 */
// oxlint-disable-next-line typescript/consistent-return -- the switch covers every verb
export function planLifecycle(asked: LifecycleRequest): Plan {
  const request = withExisting(asked)
  if (request === undefined) return { stack: asked.observed.stack, actions: [], notes: [] }
  switch (request.verb) {
    case 'start':
      return planStart(request)
    case 'restart':
      return planRestart(request)
    case 'stop':
    case 'remove':
      return planEnd(request)
    case 'kill':
    case 'pause':
    case 'unpause':
      return planEach(request, request.verb)
  }
}

/**
 * The services that have containers, of those that were named; undefined when there are none of
 * either.
 */
function withExisting(request: LifecycleRequest): LifecycleRequest | undefined {
  const { verb, observed, known, options } = request
  const existing = servicesOf(observed)
  const named = options.services ?? []
  const all = [...existing, ...(known?.services ?? [])]
  checkServices(observed.stack, named, new Set(all))
  if (verb === 'start') checkStartable(request, existing)
  const services = named.filter((service) => existing.includes(service))
  if (existing.length === 0 || (named.length > 0 && services.length === 0)) return undefined
  return { ...request, options: { ...options, services } }
}

function checkStartable(
  { observed, known, options: { services = [] } }: LifecycleRequest,
  existing: readonly string[],
): void {
  const missing = services.find((service) => !existing.includes(service))
  if (missing !== undefined) throw noContainer(missing, ` ${missing}`)
  // One that is scaled to nothing has none to start.
  if (existing.length === 0 && known?.containers.length !== 0) throw noContainer(observed.stack)
}

function noContainer(name: string, words = ''): UsageError {
  return new UsageError(`Cannot start "${name}": it has no container`, {
    code: 'NOT_RUNNING',
    hint: `make one with: tsstack up -d${words}`,
  })
}

/** With what the named services depend on, each after it. */
function planStart({ observed, known, now, options }: LifecycleRequest): Plan {
  const desired = asFound(observed, known)
  const { services = [] } = options
  // Named, so that what has completed runs again too.
  const named = services.length > 0 ? services : servicesOf(observed)
  return plan({ desired, observed, now, options: { services: named, noRecreate: true } })
}

function planRestart({ observed, known, now, options }: LifecycleRequest): Plan {
  const { services = [], graceMs, noDeps = false } = options
  const found = plan({
    desired: asFound(observed, known),
    observed,
    now,
    options: { services, graceMs, noDeps: true, noRecreate: true, restart: true },
  })
  if (!noDeps || services.length === 0) return { ...found, notes: [] }
  const isNamed = (action: Action): boolean =>
    !('service' in action) || services.includes(action.service)
  return { ...found, actions: found.actions.filter(isNamed), notes: [] }
}

/** The stops, or stops and removals, of a plan that would take the stack down. */
function planEnd({ verb, observed, now, options }: LifecycleRequest): Plan {
  const { services, graceMs, volumes, stop = false } = options
  const found = plan({
    desired: undefined,
    observed,
    now,
    options: { services, graceMs, volumes, noDeps: true, oneOffs: false },
  })
  const gone = new Set(
    observed.containers.filter((each) => stop || !isAlive(each)).map(({ name }) => name),
  )
  const reason = verb === 'stop' ? 'stopped by the user' : 'removed by the user'
  const actions = found.actions
    .filter((action) =>
      verb === 'stop'
        ? action.kind === 'stop-container'
        : (action.kind === 'stop-container' || action.kind === 'remove-container') &&
          gone.has(action.name),
    )
    .map((action) => ({ ...action, reason }))
  return { ...found, actions, notes: [] }
}

/** One action for each container that it applies to, all at once. */
function planEach(
  { observed, options }: LifecycleRequest,
  verb: 'kill' | 'pause' | 'unpause',
): Plan {
  const { services = [], killSignal: signal = 'SIGKILL' } = options
  const chosen = observed.containers.filter(
    (each) =>
      each.oneOff === undefined &&
      (services.length === 0 || services.includes(each.service)) &&
      applies(each, verb),
  )
  const actions = chosen.map(({ name, service }): Action => {
    const common = { after: [], reason: `asked for by ${verb}`, name, service }
    if (verb === 'kill') {
      const kind = 'signal-container'
      return { ...common, id: idOf(kind, name), kind, signal }
    }
    const kind = `${verb}-container` as const
    return { ...common, id: idOf(kind, name), kind }
  })
  return { stack: observed.stack, actions, notes: [] }
}

/** Pausing what is paused fails in the engine, as with Docker; what does not run stays alone. */
function applies(container: ObservedContainer, verb: 'kill' | 'pause' | 'unpause'): boolean {
  if (verb === 'unpause') return container.state === 'paused'
  return container.state === 'running' || container.state === 'paused'
}

/** The stack as its containers were made, whatever its file says by now. */
function asFound(observed: ObservedState, known: DesiredState | undefined): DesiredState {
  const networks = observed.networks.map(({ spec }) => spec)
  const volumes = observed.volumes.map(({ spec }) => spec)
  const names = new Set([...networks, ...volumes].map(({ name }) => name))
  const isMissing = ({ name }: { readonly name: string }): boolean => !names.has(name)
  return {
    stack: observed.stack,
    source: known?.source ?? observed.source ?? { directory: '/', files: [] },
    containers: observed.containers.filter(({ oneOff }) => oneOff === undefined),
    networks: [...networks, ...(known?.networks ?? []).filter(isMissing)],
    volumes: [...volumes, ...(known?.volumes ?? []).filter(isMissing)],
  }
}

function servicesOf({ containers }: ObservedState): readonly string[] {
  return [...new Set(containers.filter(({ oneOff }) => oneOff === undefined).map((c) => c.service))]
}
