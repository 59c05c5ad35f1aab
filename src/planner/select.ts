/** Which services a command is about. */

import { UsageError } from '../errors.ts'
import { didYouMean } from './did-you-mean.ts'
import type { DesiredState, ObservedState } from './model.ts'
import type { PlanOptions } from './options.ts'
import { closure, reversed, sortedNames, type Graph } from './order.ts'

export interface Selection {
  /** Services the plan may touch. */
  readonly selected: ReadonlySet<string>
  /** Services the caller named; all when none was named. */
  readonly targeted: ReadonlySet<string>
  /** True when the caller named services. */
  readonly partial: boolean
}

/**
 * Up takes the named services and what they need; down takes them and what needs them.
 * @throws UsageError NO_SUCH_SERVICE when a named service is neither in the file nor on the
 * machine.
 */
export function selectServices(
  state: {
    readonly desired: DesiredState | undefined
    readonly observed: ObservedState
    readonly graph: Graph
  },
  options: PlanOptions,
): Selection {
  const known =
    state.desired === undefined ? observedServices(state.observed) : serviceNames(state.desired)
  const named = options.services ?? []
  if (named.length === 0) return { selected: known, targeted: known, partial: false }
  checkServices(state.observed.stack, named, known)
  const targeted = new Set(named)
  const graph = state.desired === undefined ? reversed(state.graph) : state.graph
  const selected = options.noDeps === true ? targeted : closure(graph, targeted)
  return { selected, targeted, partial: true }
}

/** @throws UsageError NO_SUCH_SERVICE that names the nearest known one. */
export function checkServices(
  stack: string,
  named: readonly string[],
  known: ReadonlySet<string>,
): void {
  const unknown = named.filter((service) => !known.has(service))
  if (unknown.length > 0) throw noSuchService(stack, unknown, known)
}

/** The enabled services of a stack, those scaled to 0 as well. */
export function serviceNames(desired: DesiredState): ReadonlySet<string> {
  return new Set(desired.services ?? desired.containers.map((each) => each.service))
}

function observedServices(observed: ObservedState): ReadonlySet<string> {
  return new Set(observed.containers.map((each) => each.service))
}

function noSuchService(
  stack: string,
  unknown: readonly string[],
  known: ReadonlySet<string>,
): UsageError {
  const names = unknown.map((name) => `"${name}"`).join(', ')
  const guess = didYouMean(unknown[0] ?? '', known)
  if (known.size === 0) {
    return new UsageError(`Cannot find ${names}: nothing of stack "${stack}" is there`, {
      code: 'NO_SUCH_SERVICE',
      hint: 'bring it up with: tsstack up -d',
    })
  }
  return new UsageError(
    `Cannot find ${names}: stack "${stack}" has no such service; ` +
      `it has ${sortedNames(known).join(', ')}`,
    {
      code: 'NO_SUCH_SERVICE',
      hint: guess === undefined ? undefined : `Did you mean "${guess}"?`,
    },
  )
}
