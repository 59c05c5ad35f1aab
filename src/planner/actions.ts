/** Decisions turned into actions, each waiting for what must come before it. */

import {
  createAction,
  removeAction,
  startAction,
  stopAction,
  updateAction,
} from './container-actions.ts'
import type { Question } from './decide.ts'
import type { Action } from './model.ts'
import {
  createNetworkAction,
  createVolumeAction,
  removeNetworkAction,
  removeVolumeAction,
} from './resource-actions.ts'
import { isCreated, isNewNetwork, isStarted, isUpdated, sceneOf } from './scene.ts'
import type { World } from './world.ts'

/**
 * Stops come first, dependents before what they depend on; then removals, networks and volumes,
 * new containers, starts in dependency order; networks and volumes that nobody needs go last.
 */
export function actionsOf(question: Question, world: World): readonly Action[] {
  const scene = sceneOf(question, world)
  const { upwards, removed, stopped, early, late } = scene
  return [
    ...stopped.map((each) => stopAction(scene, each)),
    ...removed.map((each) => removeAction(scene, each)),
    ...early.map((each) => removeNetworkAction(scene, each)),
    ...world.networks.filter(isNewNetwork).map((each) => createNetworkAction(scene, each)),
    ...world.volumes.filter((each) => each.verdict === 'create').map(createVolumeAction),
    ...upwards.filter(isCreated).map((each) => createAction(scene, each)),
    ...upwards.filter(isUpdated).map((each) => updateAction(scene, each)),
    ...(question.options.noStart === true ? [] : upwards.filter(isStarted)).map((each) =>
      startAction(scene, each),
    ),
    ...late.map((each) => removeNetworkAction(scene, each)),
    ...world.volumes
      .filter((each) => each.verdict === 'remove')
      .map((each) => removeVolumeAction(scene, each)),
  ]
}
