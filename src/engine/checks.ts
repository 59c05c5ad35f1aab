/** What is looked at before a plan is begun, and what it is about. */

import { type DesiredContainer, type DesiredState, type Plan, placesOf } from '../planner/index.ts'
import type { Subject } from '../errors.ts'

/** One thing to look at. `look` throws what is wrong with it. */
export interface Check {
  readonly about: Subject
  readonly look: () => void
}

/** Containers that `plan` makes, changes or starts. */
export function containersIn(
  { actions }: Plan,
  desired: DesiredState,
): readonly DesiredContainer[] {
  const places = new Map(placesOf(desired).map((each) => [each.name, each]))
  const named = actions.flatMap((action) => {
    if (action.kind === 'start-container') return [places.get(action.name)]
    return 'container' in action ? [action.container] : []
  })
  const known = named.filter((each) => each !== undefined)
  return [...new Map(known.map((each) => [each.name, each])).values()]
}
