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
import { noRolls, rollsOf, type Rolls } from './rolls.ts'
import { isCreated, isNewNetwork, isNewVolume, isStarted, isUpdated, sceneOf } from './scene.ts'
import type { World } from './world.ts'

/**
 * Stops come first, dependents before what they depend on; then removals, networks and volumes,
 * new containers, starts in dependency order; networks and volumes that nobody needs go last.
 * Where a service is updated in batches they come in an order that respects these.
 */
export function actionsOf(question: Question, world: World): readonly Action[] {
  const rolls = rollsOf(question, world.containers)
  if (rolls.actions.length === 0) return actionsWith(question, world, noRolls)
  // A network that is made anew, or ports that services exchange, need all of them to stop at once.
  const ordered = inOrder(actionsWith(question, world, rolls))
  return ordered ?? actionsWith(question, world, noRolls)
}

function actionsWith(question: Question, world: World, rolls: Rolls): readonly Action[] {
  const scene = sceneOf(question, world, rolls)
  const { upwards, removed, stopped, early, late } = scene
  return [
    ...stopped.map((each) => stopAction(scene, each)),
    ...removed.map((each) => removeAction(scene, each)),
    ...early.map((each) => removeNetworkAction(scene, each)),
    ...world.networks.filter(isNewNetwork).map((each) => createNetworkAction(scene, each)),
    ...world.volumes
      .filter((each) => each.verdict === 'replace')
      .map((each) => removeVolumeAction(scene, each)),
    ...world.volumes.filter(isNewVolume).map(createVolumeAction),
    ...upwards.filter(isCreated).map((each) => createAction(scene, each)),
    ...upwards.filter(isUpdated).map((each) => updateAction(scene, each)),
    ...(question.options.noStart === true ? [] : upwards.filter(isStarted)).map((each) =>
      startAction(scene, each),
    ),
    ...rolls.actions,
    ...late.map((each) => removeNetworkAction(scene, each)),
    ...world.volumes
      .filter((each) => each.verdict === 'remove')
      .map((each) => removeVolumeAction(scene, each)),
  ]
}

/** The same actions, each after those it waits for; undefined when some wait for each other. */
function inOrder(actions: readonly Action[]): readonly Action[] | undefined {
  const byId = new Map(actions.map((each) => [each.id, each]))
  const ordered = new Set<Action>()
  const open = new Set<Action>()
  const visit = (action: Action): boolean => {
    if (ordered.has(action)) return true
    if (open.has(action)) return false
    open.add(action)
    const before = [...action.after, ...('afterEnd' in action ? (action.afterEnd ?? []) : [])]
    const isPossible = before.flatMap((id) => byId.get(id) ?? []).every((each) => visit(each))
    open.delete(action)
    ordered.add(action)
    return isPossible
  }
  return actions.every(visit) ? [...ordered] : undefined
}
