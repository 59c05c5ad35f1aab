/** The actions on networks and volumes. */

import { shareSubnet } from './handover.ts'
import type { Action } from './model.ts'
import { attachedNetworks, mountedVolumes } from './resources.ts'
import type { NetworkDecision, VolumeDecision } from './resources.ts'
import { goneId, idOf, isRemoved, isStopped, isUpdated, type Scene } from './scene.ts'

export function removeNetworkAction(
  { downwards, upwards, early }: Scene,
  decision: NetworkDecision,
): Action {
  const { observed, spec, reason } = decision
  const network = observed ?? spec
  // What waits for the network that comes in its place is cut off before.
  const leaving = early.includes(decision) ? [] : upwards.filter(isUpdated)
  const users = downwards.filter(
    (each) =>
      (isStopped(each) || isRemoved(each)) &&
      each.observed !== undefined &&
      attachedNetworks(each.observed.spec).has(network.name),
  )
  const id = idOf('remove-network', network.name)
  const updates = leaving
    .filter((each) => each.observed && attachedNetworks(each.observed.spec).has(network.name))
    .map((each) => idOf('update-container', each.name))
  const after = [...users.map(goneId), ...updates]
  return { id, after, reason, kind: 'remove-network', network }
}

export function createNetworkAction(
  { early }: Scene,
  { spec, reason, changes }: NetworkDecision,
): Action {
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

export function createVolumeAction({ spec, verdict, reason }: VolumeDecision): Action {
  const id = idOf('create-volume', spec.name)
  const after = verdict === 'replace' ? [idOf('remove-volume', spec.name)] : []
  return { id, after, reason, kind: 'create-volume', volume: spec }
}

export function removeVolumeAction({ downwards }: Scene, { spec, reason }: VolumeDecision): Action {
  const users = downwards.filter(
    (each) =>
      (isStopped(each) || isRemoved(each)) &&
      each.observed !== undefined &&
      mountedVolumes(each.observed.spec).includes(spec.name),
  )
  const id = idOf('remove-volume', spec.name)
  return { id, after: users.map(goneId), reason, kind: 'remove-volume', volume: spec }
}
