/** Text in, text out: a stack, a machine, and the plan between them. */

import { expect } from 'vitest'
import {
  effect,
  plan,
  type Action,
  type DesiredState,
  type ObservedState,
  type Plan,
  type PlanOptions,
} from '../../src/planner/index.ts'
import { desiredOf, observedOf } from './world.ts'

/**
 * Plans `up`; `expected` is `stop web.1, remove web.1, create web.1, start web.1` in that order.
 */
export function check(
  desired: string,
  observed: string,
  expected: string,
  options: PlanOptions = {},
): Plan {
  return checkPlan(desiredOf(desired), observedOf(observed, desired), expected, options)
}

/** Plans `down` of a machine that was made from `desired`. */
export function checkDown(
  desired: string,
  observed: string,
  expected: string,
  options: PlanOptions = {},
): Plan {
  return checkPlan(undefined, observedOf(observed, desired), expected, options)
}

/**
 * `stop web.1 < stop db.1`: the left waits for nothing of the right, the right waits for the left.
 */
export function expectOrder({ actions }: Plan, ...claims: readonly string[]): void {
  for (const claim of claims) {
    const [first = '', second = ''] = claim.split(/ [<|] /u)
    const waits = waitsFor(actions, second, first)
    expect({ claim, waits }).toEqual({ claim, waits: claim.includes(' < ') })
    expect({ claim, waits: waitsFor(actions, first, second) }).toEqual({ claim, waits: false })
  }
}

/** The action as the tests write it: `start web.1`, `create-network back`. */
export function textOf(action: Action): string {
  const verb = action.kind.replace('-container', '')
  if ('network' in action) return `${verb} ${action.network.name}`
  if ('volume' in action) return `${verb} ${action.volume.name}`
  if (action.kind === 'settle-update') return `settle ${action.name}/${action.batch}`
  return `${verb} ${'container' in action ? action.container.name : action.name}`
}

/**
 * What holds for every plan: it can be executed in its order, and afterwards there is nothing left
 * to do.
 */
export function expectSound(
  request: { readonly desired: DesiredState | undefined; readonly observed: ObservedState },
  found: Plan,
  options: PlanOptions,
): void {
  const done = new Set<string>()
  for (const action of found.actions) {
    expect(done.has(action.id), `${action.id} occurs once`).toBe(false)
    for (const id of idsBefore(action)) {
      expect([...done], `${action.id} waits for ${id}`).toContain(id)
    }
    done.add(action.id)
  }
  // After "down web" nobody has a service "web" any more, so the second plan cannot name it.
  if (request.desired === undefined && options.services !== undefined) return
  const end = found.actions.reduce(effect, request.observed)
  const settled = { ...options, forceRecreate: false }
  const again = plan({ desired: request.desired, observed: end, now: 0, options: settled })
  expect(again.actions.map(textOf)).toEqual([])
}

/** Everything an action waits for, whether it must succeed or only end. */
export function idsBefore(action: Action): readonly string[] {
  return [...action.after, ...('afterEnd' in action ? (action.afterEnd ?? []) : [])]
}

function checkPlan(
  desired: DesiredState | undefined,
  observed: ObservedState,
  expected: string,
  options: PlanOptions,
): Plan {
  const found = plan({ desired, observed, now: 0, options })
  expect(found.actions.map(textOf).join(', ')).toBe(expected)
  expectSound({ desired, observed }, found, options)
  return found
}

function waitsFor(actions: readonly Action[], text: string, other: string): boolean {
  const named = (name: string): Action => {
    const action = actions.find((each) => textOf(each) === name)
    if (action === undefined) throw new Error(`The plan has no "${name}"`)
    return action
  }
  const reaches = (from: Action, to: Action): boolean =>
    idsBefore(from).some((id) => {
      const before = actions.find((each) => each.id === id)
      return before !== undefined && (before === to || reaches(before, to))
    })
  return reaches(named(text), named(other))
}
