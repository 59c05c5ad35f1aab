/**
 * What all actions of a plan are made from: the decisions in their order, and the ids they go by.
 */

import type { Decision, Question } from './decide.ts'
import { shareSubnet } from './handover.ts'
import { isAlive } from './is-alive.ts'
import type { Action, DesiredContainer } from './model.ts'
import { compareNames, dependencyGraph, inStartOrder, reversed, type Graph } from './order.ts'
import type { NetworkDecision, VolumeDecision } from './resources.ts'
import { noRolls, type Rolls } from './rolls.ts'
import type { World } from './world.ts'

export interface Scene {
  readonly question: Question
  readonly world: World
  /** Services that are to have containers. */
  readonly present: ReadonlySet<string>
  /** Who starts after whom. */
  readonly starting: Graph
  /** The same without optional dependencies, whose failure stops nobody. */
  readonly requiring: Graph
  /** Who stops before whom. */
  readonly stopping: Graph
  /** Ids of the starts and stops of this plan, by service. */
  readonly starts: ReadonlyMap<string, readonly string[]>
  readonly stops: ReadonlyMap<string, readonly string[]>
  /** Containers in start order, and in stop order. */
  readonly upwards: readonly Decision[]
  readonly downwards: readonly Decision[]
  /** Those of `downwards` that are removed, and that are stopped. */
  readonly removed: readonly Decision[]
  readonly stopped: readonly Decision[]
  /** Networks that must go before another can be made in their place. */
  readonly early: readonly NetworkDecision[]
  readonly late: readonly NetworkDecision[]
  readonly rolls: Rolls
}

export function sceneOf(question: Question, world: World, rolls: Rolls = noRolls): Scene {
  const wanted = question.desired?.containers ?? []
  const present = question.observed.containers
  const starting = dependencyGraph(wanted, present)
  const rank = new Map(inStartOrder(starting).map((service, at) => [service, at]))
  const upwards = world.containers.toSorted(
    (a, b) =>
      (rank.get(a.service) ?? 0) - (rank.get(b.service) ?? 0) ||
      a.index - b.index ||
      compareNames(a.name, b.name),
  )
  const downwards = upwards.toReversed()
  const stopped = downwards.filter(isStopped)
  const fresh = world.networks.filter(isNewNetwork)
  const inTheWay = (each: NetworkDecision): boolean =>
    each.verdict === 'replace' || fresh.some((other) => shareSubnet(each.spec, other.spec))
  const gone = world.networks.filter((each) => ['replace', 'remove'].includes(each.verdict))
  return {
    question,
    world,
    present: new Set(wanted.map((each) => each.service)),
    starting,
    requiring: requiredEdges(starting, wanted),
    stopping: reversed(starting),
    starts: idsByService(upwards.filter(isStarted), startId),
    // A service that is updated in batches goes on serving: nobody waits for its end.
    stops: idsByService(
      upwards.filter((each) => isStopped(each) && !rolls.services.has(each.service)),
      stopId,
    ),
    upwards,
    downwards,
    removed: downwards.filter(isRemoved),
    stopped,
    early: gone.filter(inTheWay),
    late: gone.filter((each) => !inTheWay(each)),
    rolls,
  }
}

/** The edges of `graph` but for those that every container of a service calls optional. */
function requiredEdges(graph: Graph, containers: readonly DesiredContainer[]): Graph {
  const required = new Map<string, Set<string>>()
  for (const { service, spec, dependsOn } of containers) {
    const needed = required.get(service) ?? new Set()
    for (const each of dependsOn) if (each.required) needed.add(each.service)
    if (spec.network.kind === 'service') needed.add(spec.network.service)
    required.set(service, needed)
  }
  return new Map(
    [...graph].map(([service, needed]) => {
      const kept = required.get(service)
      return [service, needed.filter((each) => kept?.has(each) ?? true)]
    }),
  )
}

export function isStopped({ verdict, observed }: Decision): boolean {
  if (observed === undefined || !['remove', 'replace', 'restart'].includes(verdict)) return false
  return isAlive(observed)
}

export function isRemoved({ verdict, observed }: Decision): boolean {
  return observed !== undefined && (verdict === 'remove' || verdict === 'replace')
}

export function isCreated({ verdict }: Decision): boolean {
  return verdict === 'create' || verdict === 'replace'
}

export function isStarted({ verdict }: Decision): boolean {
  return ['create', 'replace', 'restart', 'start'].includes(verdict)
}

/** The container stays, and gets limits anew. */
export function isUpdated({ verdict, observed, desired, changes }: Decision): boolean {
  if (observed === undefined || desired === undefined || changes.length === 0) return false
  return ['keep', 'start', 'restart'].includes(verdict)
}

export function isNewNetwork({ verdict }: NetworkDecision): boolean {
  return verdict === 'create' || verdict === 'replace'
}

export function isNewVolume({ verdict }: VolumeDecision): boolean {
  return verdict === 'create' || verdict === 'replace'
}

/** Ids of the plan: what is done to what. */
export function idOf(kind: Action['kind'], name: string): string {
  return `${kind}:${name}`
}

export function stopId({ name }: Decision): string {
  return idOf('stop-container', name)
}

export function startId({ name }: Decision): string {
  return idOf('start-container', name)
}

/** The last thing that this plan does to an existing container that is in the way. */
export function goneId(decision: Decision): string {
  return isRemoved(decision) ? idOf('remove-container', decision.name) : stopId(decision)
}

/** Ids by service, so that a look from each service to its neighbours costs only the neighbours. */
function idsByService(
  decisions: readonly Decision[],
  id: (decision: Decision) => string,
): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>()
  for (const decision of decisions) {
    const known = ids.get(decision.service)
    if (known === undefined) ids.set(decision.service, [id(decision)])
    else known.push(id(decision))
  }
  return ids
}
