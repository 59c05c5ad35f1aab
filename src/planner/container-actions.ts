/** The actions on containers. */

import { type Decision, summarize } from './decide.ts'
import { needsFrom } from './handover.ts'
import type { Action, Dependency } from './model.ts'
import { nearest, type Graph } from './order.ts'
import { attachedNetworks, mountedVolumes } from './resources.ts'
import {
  goneId,
  idOf,
  isCreated,
  isNewNetwork,
  isNewVolume,
  isStopped,
  isUpdated,
  startId,
  stopId,
  type Scene,
} from './scene.ts'

export function stopAction(scene: Scene, decision: Decision): Action {
  const { name, service, reason } = decision
  const { question, rolls } = scene
  const ownGraceMs = decision.observed?.spec.stopGraceMs ?? 0
  return {
    id: stopId(decision),
    after: [
      ...(rolls.beforeStop.get(name) ?? idsAround(scene.stopping, service, scene.stops)),
      // What it needs is updated first, while it goes on.
      ...idsAround(scene.starting, service, rolls.settled),
    ],
    reason,
    kind: 'stop-container',
    name,
    service,
    graceMs: question.options.graceMs ?? ownGraceMs,
    ...(isDrained(scene, decision) ? { drain: true } : {}),
  }
}

/** Others of a service with an update rule take over from it; at the end of all nobody does. */
function isDrained({ question, rolls }: Scene, { name, service, verdict }: Decision): boolean {
  if (question.desired?.updates?.[service] === undefined) return false
  if (verdict !== 'remove') return rolls.drained.has(name)
  return question.desired.containers.some((each) => each.service === service)
}

export function removeAction({ question }: Scene, decision: Decision): Action {
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

export function createAction(scene: Scene, decision: Decision): Action {
  const { name, service, index, reason, changes } = decision
  const container = decision.desired
  if (container === undefined) throw new Error(`Cannot create "${name}": nothing is desired of it`)
  // The address of a replica is leased by service and index: a renamed one hands it over.
  const predecessors = scene.removed.filter(
    (each) => each.name === name || isSamePlace(each, { service, index }),
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

/** Between stop and start when there are any, else beside everything. */
export function updateAction(scene: Scene, decision: Decision): Action {
  const { name, changes, desired } = decision
  if (desired === undefined) throw new Error(`Cannot update "${name}": nothing is desired of it`)
  return {
    id: idOf('update-container', name),
    after: [
      ...(isStopped(decision) ? [stopId(decision)] : []),
      ...resourceIds(scene, decision),
      ...handoverIds(scene, decision),
    ],
    reason: summarize(changes),
    kind: 'update-container',
    container: desired,
    changes,
  }
}

export function startAction(scene: Scene, decision: Decision): Action {
  const { name, service, reason } = decision
  const own = isCreated(decision)
    ? [idOf('create-container', name)]
    : [
        ...(isStopped(decision) ? [stopId(decision)] : []),
        ...(isUpdated(decision) ? [idOf('update-container', name)] : []),
        ...resourceIds(scene, decision),
      ]
  const needed = idsAround(scene.requiring, service, scene.starts)
  const around = idsAround(scene.starting, service, scene.starts)
  const optional = around.filter((id) => !needed.includes(id))
  return {
    id: startId(decision),
    after: [
      ...new Set([
        ...own,
        ...needed,
        ...handoverIds(scene, decision),
        ...givenUpIds(scene, decision),
        ...(scene.rolls.beforeStart.get(name) ?? []),
      ]),
    ],
    ...(optional.length === 0 ? {} : { afterEnd: optional }),
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
function conditionsOf(
  { question, present }: Scene,
  { desired, observed }: Decision,
): readonly Dependency[] {
  const { selection, options } = question
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
      .filter((each) => isNewVolume(each) && mounted.includes(each.spec.name))
      .map((each) => idOf('create-volume', each.spec.name)),
  ]
}

/** Ends of other containers that hold a port or an address which this one is to have. */
function handoverIds({ stopped, rolls }: Scene, decision: Decision): readonly string[] {
  const spec = decision.desired?.spec
  if (spec === undefined) return []
  // Replicas share their ports.
  const isSharer = (each: Decision): boolean =>
    each.service === decision.service && rolls.services.has(each.service)
  return stopped
    .filter(
      (each) =>
        each.name !== decision.name &&
        !isSharer(each) &&
        each.observed !== undefined &&
        needsFrom(spec, each.observed),
    )
    .map(goneId)
}

/** Updates of other containers that give up a port or an address which this one is to have. */
function givenUpIds({ upwards }: Scene, decision: Decision): readonly string[] {
  const spec = decision.desired?.spec
  if (spec === undefined) return []
  return upwards.flatMap((each) => {
    const { name, observed, desired } = each
    if (name === decision.name || !isUpdated(each) || !observed || !desired) return []
    const after = { ...observed, spec: desired.spec, ports: [] }
    const givesUp = needsFrom(spec, observed) && !needsFrom(spec, after)
    return givesUp ? [idOf('update-container', name)] : []
  })
}

function isSamePlace(
  { service, index }: Decision,
  other: { readonly service: string; readonly index: number },
): boolean {
  return service === other.service && index === other.index
}

/** The ids of the nearest services in `graph` that have any. */
function idsAround(
  graph: Graph,
  service: string,
  ids: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  return nearest(graph, service, (each) => ids.has(each)).flatMap((each) => ids.get(each) ?? [])
}
