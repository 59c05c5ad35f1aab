/** Decisions turned into actions, each waiting for what must come before it. */

import type { Decision, Question } from './decide.ts'
import type { Action, Dependency, ObservedContainer } from './model.ts'
import { compareNames, dependencyGraph, inStartOrder, nearest, reversed } from './order.ts'
import type { Graph } from './order.ts'
import { needsFrom, shareSubnet } from './handover.ts'
import { attachedNetworks, mountedVolumes } from './resources.ts'
import type { NetworkDecision, VolumeDecision } from './resources.ts'
import type { World } from './world.ts'

/**
 * Stops come first, dependents before what they depend on; then removals, networks and volumes,
 * new containers, starts in dependency order; networks and volumes that nobody needs go last.
 */
export function actionsOf(question: Question, world: World): readonly Action[] {
  const scene = sceneOf(question, world)
  const { upwards, downwards, early, late } = scene
  return [
    ...downwards.filter(isStopped).map((each) => stopAction(scene, each)),
    ...downwards.filter(isRemoved).map((each) => removeAction(scene, each)),
    ...early.map((each) => removeNetworkAction(scene, each)),
    ...world.networks.filter(isNewNetwork).map((each) => createNetworkAction(scene, each)),
    ...world.volumes.filter((each) => each.verdict === 'create').map(createVolumeAction),
    ...upwards.filter(isCreated).map((each) => createAction(scene, each)),
    ...upwards.filter(isStarted).map((each) => startAction(scene, each)),
    ...late.map((each) => removeNetworkAction(scene, each)),
    ...world.volumes
      .filter((each) => each.verdict === 'remove')
      .map((each) => removeVolumeAction(scene, each)),
  ]
}

interface Scene {
  readonly question: Question
  readonly world: World
  /** Who starts after whom: required dependencies only, as the failure of others stops nobody. */
  readonly starting: Graph
  /** Who stops before whom. */
  readonly stopping: Graph
  /** Containers in start order, and in stop order. */
  readonly upwards: readonly Decision[]
  readonly downwards: readonly Decision[]
  /** Networks that must go before another can be made in their place. */
  readonly early: readonly NetworkDecision[]
  readonly late: readonly NetworkDecision[]
}

function sceneOf(question: Question, world: World): Scene {
  const wanted = question.desired?.containers ?? []
  const present = question.observed.containers
  const stopping = dependencyGraph(wanted, present)
  const rank = new Map(inStartOrder(stopping).map((service, at) => [service, at]))
  const upwards = world.containers.toSorted(
    (a, b) =>
      (rank.get(a.service) ?? 0) - (rank.get(b.service) ?? 0) ||
      a.index - b.index ||
      compareNames(a.name, b.name),
  )
  const fresh = world.networks.filter(isNewNetwork)
  const inTheWay = (each: NetworkDecision): boolean =>
    each.verdict === 'replace' || fresh.some((other) => shareSubnet(each.spec, other.spec))
  const gone = world.networks.filter((each) => ['replace', 'remove'].includes(each.verdict))
  return {
    question,
    world,
    starting: dependencyGraph(wanted.map(requiredOnly)),
    stopping: reversed(stopping),
    upwards,
    downwards: upwards.toReversed(),
    early: gone.filter(inTheWay),
    late: gone.filter((each) => !inTheWay(each)),
  }
}

function requiredOnly<T extends { readonly dependsOn: readonly Dependency[] }>(container: T): T {
  return { ...container, dependsOn: container.dependsOn.filter((each) => each.required) }
}

function isStopped({ verdict, observed }: Decision): boolean {
  if (observed === undefined || !['remove', 'replace', 'restart'].includes(verdict)) return false
  return observed.state === 'running' || observed.state === 'restarting'
}

function isRemoved({ verdict, observed }: Decision): boolean {
  return observed !== undefined && (verdict === 'remove' || verdict === 'replace')
}

function isCreated({ verdict }: Decision): boolean {
  return verdict === 'create' || verdict === 'replace'
}

function isStarted({ verdict }: Decision): boolean {
  return ['create', 'replace', 'restart', 'start'].includes(verdict)
}

function isNewNetwork({ verdict }: NetworkDecision): boolean {
  return verdict === 'create' || verdict === 'replace'
}

/** Ids of the plan: what is done to what. */
function idOf(kind: Action['kind'], name: string): string {
  return `${kind}:${name}`
}

function stopId({ name }: Decision): string {
  return idOf('stop-container', name)
}

/** The last thing that this plan does to an existing container that is in the way. */
function goneId(decision: Decision): string {
  return isRemoved(decision) ? idOf('remove-container', decision.name) : stopId(decision)
}

function stopAction(scene: Scene, decision: Decision): Action {
  const { name, service, reason } = decision
  const observed = decision.observed as ObservedContainer
  return {
    id: stopId(decision),
    after: idsAround(scene.stopping, decision, {
      among: scene.upwards.filter(isStopped),
      id: stopId,
    }),
    reason,
    kind: 'stop-container',
    name,
    service,
    graceMs: scene.question.options.graceMs ?? observed.spec.stopGraceMs,
  }
}

function removeAction({ question }: Scene, decision: Decision): Action {
  const { name, service, reason, verdict } = decision
  const { desired, options } = question
  const renewed = verdict === 'replace' && options.renewAnonymousVolumes === true
  const takenDown = desired === undefined && options.volumes === true
  return {
    id: idOf('remove-container', name),
    after: isStopped(decision) ? [stopId(decision)] : [],
    reason,
    kind: 'remove-container',
    name,
    service,
    anonymousVolumes: renewed || takenDown,
  }
}

function removeNetworkAction(
  { downwards }: Scene,
  { observed, spec, reason }: NetworkDecision,
): Action {
  const network = observed ?? spec
  const users = downwards.filter(
    (each) =>
      (isStopped(each) || isRemoved(each)) &&
      each.observed !== undefined &&
      attachedNetworks(each.observed.spec).has(network.name),
  )
  const id = idOf('remove-network', network.name)
  return { id, after: users.map(goneId), reason, kind: 'remove-network', network }
}

function createNetworkAction({ early }: Scene, { spec, reason, changes }: NetworkDecision): Action {
  const inTheWay = early.filter(
    (each) => each.spec.name === spec.name || shareSubnet(each.spec, spec),
  )
  return {
    id: idOf('create-network', spec.name),
    after: inTheWay.map((each) => idOf('remove-network', each.spec.name)),
    reason,
    kind: 'create-network',
    network: spec,
    changes,
  }
}

function createVolumeAction({ spec, reason }: VolumeDecision): Action {
  const id = idOf('create-volume', spec.name)
  return { id, after: [], reason, kind: 'create-volume', volume: spec }
}

function removeVolumeAction({ downwards }: Scene, { spec, reason }: VolumeDecision): Action {
  const users = downwards.filter(
    (each) =>
      isRemoved(each) &&
      each.observed !== undefined &&
      mountedVolumes(each.observed.spec).includes(spec.name),
  )
  const id = idOf('remove-volume', spec.name)
  return { id, after: users.map(goneId), reason, kind: 'remove-volume', volume: spec }
}

function createAction(scene: Scene, decision: Decision): Action {
  const { name, service, index, reason, changes } = decision
  const container = decision.desired
  if (container === undefined) throw new Error(`Cannot create "${name}": nothing is desired of it`)
  // The address of a replica is leased by service and index: a renamed one hands it over.
  const predecessors = scene.downwards.filter(
    (each) => isRemoved(each) && (each.name === name || isSamePlace(each, { service, index })),
  )
  const after = [...predecessors.map(goneId), ...resourceIds(scene, decision)]
  return {
    id: idOf('create-container', name),
    after,
    reason,
    kind: 'create-container',
    container,
    changes,
  }
}

function startAction(scene: Scene, decision: Decision): Action {
  const { name, service, reason } = decision
  const own = isCreated(decision)
    ? [idOf('create-container', name)]
    : [...(isStopped(decision) ? [stopId(decision)] : []), ...resourceIds(scene, decision)]
  const startId = (each: Decision): string => idOf('start-container', each.name)
  const among = scene.upwards.filter(isStarted)
  const needed = idsAround(scene.starting, decision, { among, id: startId })
  return {
    id: startId(decision),
    after: [...new Set([...own, ...needed, ...handoverIds(scene, decision)])],
    reason,
    kind: 'start-container',
    name,
    service,
    waitFor: conditionsOf(scene, decision),
  }
}

/**
 * Conditions on services that exist: one that is scaled to 0, disabled or left out is not waited
 * for.
 */
function conditionsOf({ question }: Scene, { desired, observed }: Decision): readonly Dependency[] {
  const { selection, options } = question
  const present = new Set((question.desired?.containers ?? []).map((each) => each.service))
  const dependencies = (desired ?? observed)?.dependsOn ?? []
  return dependencies.filter(
    ({ service }) =>
      present.has(service) && (options.noDeps !== true || selection.selected.has(service)),
  )
}

/** Creations of networks and volumes that the container needs. */
function resourceIds({ world }: Scene, { desired, observed }: Decision): readonly string[] {
  const spec = (desired ?? observed)?.spec
  if (spec === undefined) return []
  const attached = attachedNetworks(spec)
  const mounted = mountedVolumes(spec)
  return [
    ...world.networks
      .filter((each) => isNewNetwork(each) && attached.has(each.spec.name))
      .map((each) => idOf('create-network', each.spec.name)),
    ...world.volumes
      .filter((each) => each.verdict === 'create' && mounted.includes(each.spec.name))
      .map((each) => idOf('create-volume', each.spec.name)),
  ]
}

/** Ends of other containers that hold a port or an address which this one is to have. */
function handoverIds({ downwards }: Scene, decision: Decision): readonly string[] {
  const spec = decision.desired?.spec
  if (spec === undefined) return []
  return downwards
    .filter(
      (each) =>
        each.name !== decision.name &&
        each.observed !== undefined &&
        isStopped(each) &&
        needsFrom(spec, each.observed),
    )
    .map(goneId)
}

function isSamePlace(
  { service, index }: Decision,
  other: { readonly service: string; readonly index: number },
): boolean {
  return service === other.service && index === other.index
}

/** Ids of the containers among `among` whose services are the nearest ones in `graph`. */
function idsAround(
  graph: Graph,
  { service }: Decision,
  {
    among,
    id,
  }: { readonly among: readonly Decision[]; readonly id: (decision: Decision) => string },
): readonly string[] {
  const services = new Set(among.map((each) => each.service))
  const around = nearest(graph, service, (each) => services.has(each))
  return around.flatMap((each) => among.filter((other) => other.service === each).map(id))
}
