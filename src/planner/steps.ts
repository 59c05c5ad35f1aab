/** A plan by resource: the several actions on one container are one change to its reader. */

import type { Action, FieldChange, Plan } from './model.ts'
import { compareNames } from './order.ts'

export type StepChange =
  | 'create'
  | 'replace'
  | 'remove'
  | 'update'
  | 'start'
  | 'stop'
  | 'restart'
  | 'pause'
  | 'unpause'
  | 'signal'

export interface Step {
  readonly resource: 'network' | 'volume' | 'container'
  readonly name: string
  /** Of a container. */
  readonly service?: string
  readonly change: StepChange
  /** Of `signal`: which one, as `SIGHUP` or a number. */
  readonly signal?: string
  readonly reason: string
  readonly fields: readonly FieldChange[]
}

/** One step per resource: networks, volumes, containers, each by name. */
export function stepsOf({ actions }: Plan): readonly Step[] {
  const groups = new Map<string, Action[]>()
  for (const action of actions) {
    if (action.kind === 'settle-update') continue
    const key = `${resourceOf(action)} ${subjectOf(action)}`
    groups.set(key, [...(groups.get(key) ?? []), action])
  }
  const steps = [...groups.values()]
    .flatMap(stepOf)
    .toSorted((a, b) => compareNames(a.name, b.name))
  const ofResource = (resource: Step['resource']): readonly Step[] =>
    steps.filter((each) => each.resource === resource)
  return [...ofResource('network'), ...ofResource('volume'), ...ofResource('container')]
}

export type Summary = Readonly<Record<StepChange, number>>

const NONE: Summary = {
  create: 0,
  replace: 0,
  remove: 0,
  update: 0,
  start: 0,
  stop: 0,
  restart: 0,
  pause: 0,
  unpause: 0,
  signal: 0,
}

export function summaryOf(steps: readonly Step[]): Summary {
  const summary = { ...NONE }
  for (const { change } of steps) summary[change] += 1
  return summary
}

/** The name of what an action is about. */
export function subjectOf(action: Action): string {
  if ('network' in action) return action.network.name
  if ('volume' in action) return action.volume.name
  return 'container' in action ? action.container.name : action.name
}

function resourceOf({ kind }: Action): Step['resource'] {
  if (kind.endsWith('-network')) return 'network'
  return kind.endsWith('-volume') ? 'volume' : 'container'
}

function stepOf(actions: readonly Action[]): readonly Step[] {
  const [first] = actions
  if (first === undefined) return []
  const service = actions.map(serviceOf).find((each) => each !== undefined)
  return [
    {
      resource: resourceOf(first),
      name: subjectOf(first),
      ...(service === undefined ? {} : { service }),
      change: changeOf(new Set(actions.map((each) => each.kind.split('-')[0]))),
      ...(first.kind === 'signal-container' && { signal: signalText(first.signal) }),
      reason: first.reason,
      fields: actions.flatMap((each) => ('changes' in each ? (each.changes ?? []) : [])),
    },
  ]
}

function serviceOf(action: Action): string | undefined {
  if ('container' in action) return action.container.service
  return 'service' in action ? action.service : undefined
}

function changeOf(verbs: ReadonlySet<string | undefined>): StepChange {
  if (verbs.has('create')) return verbs.has('remove') ? 'replace' : 'create'
  if (verbs.has('remove')) return 'remove'
  if (verbs.has('start')) return verbs.has('stop') ? 'restart' : 'start'
  const others = ['update', 'pause', 'unpause', 'signal'] as const
  return others.find((verb) => verbs.has(verb)) ?? 'stop'
}

/** `hup`, `HUP` and `SIGHUP` are one signal; a number stays one. */
function signalText(signal: string): string {
  if (/^\d+$/.test(signal)) return `signal ${signal}`
  return `SIG${signal.toUpperCase().replace(/^SIG/, '')}`
}
