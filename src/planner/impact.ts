/** What a plan means for those who use the stack: who is down, what is lost, how long it takes. */

import { isAlive } from './is-alive.ts'
import type { Action, ObservedState, Plan } from './model.ts'
import { anonymousVolumes } from './resources.ts'
import { compareNames } from './order.ts'

export interface Impact {
  /** Services of which a running container is stopped, sorted. */
  readonly downtime: readonly string[]
  /** Names of volumes that are removed with what is in them, sorted. */
  readonly dataLost: readonly string[]
  /** Ids of the actions that take longest one after the other; nothing can be faster than they. */
  readonly criticalPath: readonly string[]
  /** Milliseconds of the critical path, from what each action usually takes. */
  readonly estimatedMs: number
  /** Milliseconds of each of its actions. */
  readonly usualMs: readonly number[]
}

/**
 * Milliseconds that actions take on a machine of 2020 that is not busy. Stops are those of a
 * program that obeys; a wait for health is a start of something quick.
 */
const USUAL_MS: Readonly<Record<Action['kind'], number>> = {
  'create-network': 15,
  'remove-network': 30,
  'create-volume': 2,
  'remove-volume': 5,
  'create-container': 5,
  'start-container': 25,
  'stop-container': 60,
  'remove-container': 10,
  'pause-container': 2,
  'unpause-container': 2,
  'signal-container': 2,
  'update-container': 5,
  'settle-update': 0,
}
const HEALTH_MS = 60

/** `measured`: what an action took before on this machine; where nothing is known, a guess counts. */
export function impactOf(
  { actions }: Plan,
  observed: ObservedState,
  measured: (action: Action) => number | undefined = () => undefined,
): Impact {
  const usual = (action: Action): number => measured(action) ?? usualMs(action)
  const path = longestPath(actions, usual)
  return {
    downtime: downtimeOf(actions, observed),
    dataLost: dataLostOf(actions, observed),
    criticalPath: path.map(({ id }) => id),
    estimatedMs: path.reduce((sum, action) => sum + usual(action), 0),
    usualMs: path.map(usual),
  }
}

function downtimeOf(actions: readonly Action[], { containers }: ObservedState): readonly string[] {
  const alive = new Set(containers.filter(isAlive).map(({ name }) => name))
  const stopped = actions.flatMap((action) =>
    action.kind === 'stop-container' && action.drain !== true && alive.has(action.name)
      ? [action.service]
      : [],
  )
  return [...new Set(stopped)].toSorted(compareNames)
}

function dataLostOf(actions: readonly Action[], { containers }: ObservedState): readonly string[] {
  const specs = new Map(containers.map(({ name, spec }) => [name, spec]))
  const lost = actions.flatMap((action) => {
    if (action.kind === 'remove-volume') return [action.volume.name]
    if (action.kind !== 'remove-container' || !action.anonymousVolumes) return []
    const spec = specs.get(action.name)
    return spec === undefined ? [] : anonymousVolumes(spec)
  })
  return [...new Set(lost)].toSorted(compareNames)
}

function usualMs(action: Action): number {
  if (action.kind === 'stop-container') return Math.min(action.graceMs, USUAL_MS[action.kind])
  if (action.kind === 'settle-update') return settleMs(action)
  const usual = USUAL_MS[action.kind]
  if (action.kind !== 'start-container') return usual
  const waits = action.waitFor.some(({ condition }) => condition !== 'service_started')
  return waits ? usual + HEALTH_MS : usual
}

function settleMs({ rule, batch, batches }: Extract<Action, { kind: 'settle-update' }>): number {
  return rule.monitorMs + (batch < batches ? rule.delayMs : 0)
}

/** Every action comes after those it waits for, so one look at each is enough. */
function longestPath(
  actions: readonly Action[],
  usual: (action: Action) => number,
): readonly Action[] {
  const paths = new Map<string, { readonly ms: number; readonly steps: readonly Action[] }>()
  let longest: readonly Action[] = []
  let longestMs = -1
  for (const action of actions) {
    const optional = 'afterEnd' in action ? (action.afterEnd ?? []) : []
    const before = [...action.after, ...optional]
      .map((id) => paths.get(id))
      .filter((each) => each !== undefined)
      .reduce((best, each) => (each.ms > best.ms ? each : best), { ms: 0, steps: [] })
    const path = { ms: before.ms + usual(action), steps: [...before.steps, action] }
    paths.set(action.id, path)
    if (path.ms <= longestMs) continue
    longestMs = path.ms
    longest = path.steps
  }
  return longest
}

/**
 * `Downtime: web. Data lost: none. About 0.1 s, along: stop web-1, start web-1.`; undefined when
 * the plan stops nothing and loses nothing.
 */
export function impactText({
  downtime,
  dataLost,
  criticalPath,
  estimatedMs,
  usualMs,
}: Impact): string | undefined {
  if (downtime.length === 0 && dataLost.length === 0) return undefined
  const steps = criticalPath.map((id, at) => {
    const what = id.replace(/-(?:container|network|volume):/u, ' ')
    return `${what} (${usualMs[at] ?? 0} ms)`
  })
  const seconds = (Math.ceil(estimatedMs / 100) / 10).toFixed(1)
  return [
    `Downtime: ${listed(downtime)}. Data lost: ${listed(dataLost)}.`,
    `About ${seconds} s, along: ${steps.join(', ')}.`,
  ].join('\n')
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}
