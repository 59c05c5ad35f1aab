/** The subtraction: what a stack should be, minus what the machine has, is a plan. */

import { actionsOf } from './actions.ts'
import { decide, hasCompleted, isFresh, ORPHAN, type Decision, type Question } from './decide.ts'
import type { Action, DesiredState, ObservedState, Plan } from './model.ts'
import type { PlanOptions } from './options.ts'
import { dependencyGraph } from './order.ts'
import { placesOf, withPlaces } from './places.ts'
import { propagate } from './propagate.ts'
import { decideNetworks, decideVolumes } from './resources.ts'
import { selectServices } from './select.ts'
import type { World } from './world.ts'

export interface PlanRequest {
  /** Undefined: the stack is to be gone. */
  readonly desired: DesiredState | undefined
  readonly observed: ObservedState
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly options?: PlanOptions
}

/**
 * The actions that turn `observed` into `desired`, each with its reason and with what must come
 * first; none when there is nothing to do. Pure: the same request gives the same plan.
 * The list is in an order in which it could be executed one by one; `after` says what really waits.
 * @throws UsageError NO_SUCH_SERVICE when `options.services` names an unknown service.
 */
export function plan(request: PlanRequest): Plan {
  const { desired, observed } = request
  const question = questionOf(request)
  const world = settle(question)
  const actions = actionsOf(question, world)
  return {
    stack: desired?.stack ?? observed.stack,
    actions,
    notes: [...notesOf(question, world), ...actions.flatMap((each) => batchNotes(each, desired))],
  }
}

/** What the user's environment says about what the command does not. */
function orphanWish(desired: DesiredState | undefined): PlanOptions {
  return desired?.orphans === 'remove' ? { removeOrphans: true } : {}
}

function questionOf({ desired: asked, observed, now, options: given = {} }: PlanRequest): Question {
  const options = given.removeOrphans === undefined ? { ...given, ...orphanWish(asked) } : given
  const graph = dependencyGraph(asked?.containers ?? [], observed.containers)
  const selection = selectServices({ desired: asked, observed, graph }, options)
  const base = { observed, selection, options, now, places: new Map() }
  if (asked === undefined) return { ...base, desired: undefined }
  const desired = withPlaces(asked, {
    observed: observed.containers.filter(({ oneOff }) => oneOff === undefined),
    isFresh: (place, found) => isFresh({ selection, options }, place, found),
    isRollback: options.rollback === true,
  })
  return { ...base, desired, places: new Map(placesOf(asked).map((each) => [each.name, each])) }
}

/**
 * Containers decide which networks are needed, and networks which containers restart: until both
 * agree.
 */
function settle(question: Question): World {
  let containers = decide(question)
  for (let round = 0; ; round += 1) {
    const networks = decideNetworks(question, containers)
    const volumes = decideVolumes(question, containers)
    const newVolumes = new Map(
      volumes.flatMap(({ spec, verdict }) =>
        verdict === 'create' || verdict === 'replace' ? [[spec.name, verdict]] : [],
      ),
    )
    const next = propagate(question, containers, { networks, newVolumes })
    const agreed = next.every((decision, at) => decision === containers[at])
    if (agreed || round > containers.length) return { containers, networks, volumes }
    containers = next
  }
}

function notesOf({ desired, observed }: Question, world: World): readonly string[] {
  return [
    ...sourceNotes(desired, observed),
    ...world.containers
      .filter(({ reason }) => reason !== ORPHAN || desired?.orphans !== 'ignore')
      .flatMap(containerNotes),
    ...world.volumes.flatMap((each) => (each.note === undefined ? [] : [each.note])),
  ]
}

function batchNotes(action: Action, desired: DesiredState | undefined): readonly string[] {
  if (action.kind !== 'settle-update' || action.batch < action.batches) return []
  const { service, batches, rule } = action
  const many = batches === 1 ? 'at once' : `in ${batches} batches`
  const obstacle = desired?.updates?.[service]?.obstacle
  if (obstacle === undefined) return [`Service "${service}" is updated ${many}, ${rule.order}`]
  return [`Service "${service}" is updated ${many}, stop-first and not start-first: ${obstacle}`]
}

function containerNotes({ name, service, verdict, reason, observed }: Decision): readonly string[] {
  if (verdict !== 'keep' || observed === undefined) return []
  if (reason === ORPHAN) {
    return [
      `Container "${name}" belongs to service "${service}", which the stack file no longer has; ` +
        '"up --remove-orphans" removes it',
    ]
  }
  if (observed.state === 'restarting') {
    const exit = observed.exitCode === undefined ? '' : ` after exit ${observed.exitCode}`
    return [`Container "${name}" is waiting to be restarted${exit}`]
  }
  if (observed.state === 'paused') {
    return [`Container "${name}" is paused; "unpause ${service}" lets it go on`]
  }
  if (reason === 'completed' && hasCompleted(observed)) {
    return [`Container "${name}" has completed and is not run again; "up ${service}" runs it`]
  }
  return []
}

/**
 * Two directories of the same name are the same stack to Compose, and destroy each other's
 * containers.
 */
function sourceNotes(
  desired: DesiredState | undefined,
  observed: ObservedState,
): readonly string[] {
  const before = observed.source?.directory
  const after = desired?.source.directory
  if (before === undefined || after === undefined || before === after) return []
  return [
    `Stack "${observed.stack}" was made from "${before}", and this file is in "${after}"; ` +
      'if they are two stacks, give one of them another name with -p',
  ]
}
