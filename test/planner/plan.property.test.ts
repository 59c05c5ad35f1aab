import * as fc from '../support/random.ts'
import { expect, test } from 'vitest'
import {
  describe,
  effect,
  plan,
  type Action,
  type DesiredState,
  type ObservedContainer,
  type ObservedState,
  type Plan,
  type PlanOptions,
} from '../../src/planner/index.ts'
import { desiredState, observedState, planOptions } from './arbitrary.ts'
import { expectSound, idsBefore, textOf } from './check.ts'

const RUNS = { numRuns: 300 }

/** Up or down, of all or some services that exist. */
const request = fc
  .record({
    desired: fc.option(desiredState, { nil: undefined, freq: 4 }),
    observed: observedState,
    options: planOptions,
    some: fc.array(fc.nat(9), { maxLength: 2 }),
  })
  .map(({ desired, observed, options, some }) => {
    const known = desired?.services ?? [...new Set(observed.containers.map((each) => each.service))]
    const services = known.length === 0 ? [] : some.map((at) => known[at % known.length] as string)
    return { desired, observed, options: { ...options, services } }
  })

function planFor({ desired, observed, options }: Request): Plan {
  return plan({ desired, observed, now: 0, options })
}

interface Request {
  readonly desired: DesiredState | undefined
  readonly observed: ObservedState
  readonly options: PlanOptions
}

test('plan() can be executed in its order, and then there is nothing left to do', () => {
  fc.assert(
    fc.property(request, (each) => {
      expectSound(each, planFor(each), each.options)
    }),
    RUNS,
  )
})

test('plan() starts nothing before what it requires, and stops in the opposite order', () => {
  fc.assert(
    fc.property(request, (each) => {
      const { actions } = planFor(each)
      const containers = [...(each.desired?.containers ?? [])]
      for (const { name, service, dependsOn, spec } of containers) {
        const host = spec.network.kind === 'service' ? [spec.network.service] : []
        for (const needed of [...dependsOn.map((it) => it.service), ...host]) {
          expectAfter(actions, `start-container:${name}`, starts(actions, needed))
          for (const stop of stops(actions, needed)) {
            expectAfter(actions, stop.id, stops(actions, service))
          }
        }
      }
    }),
    RUNS,
  )
})

test('plan() is the same for the same state, in whatever order it is written', () => {
  fc.assert(
    fc.property(request, (each) => {
      const { desired, observed } = each
      const turned = {
        ...each,
        desired: desired && { ...desired, containers: desired.containers.toReversed() },
        observed: {
          ...observed,
          containers: observed.containers.toReversed(),
          networks: observed.networks.toReversed(),
          volumes: observed.volumes.toReversed(),
        },
      }
      expect(planFor(turned)).toEqual(planFor(each))
      expect(planFor(each)).toEqual(planFor(each))
    }),
    RUNS,
  )
})

test('plan() goes on from wherever a crash left it, and comes to the same end', () => {
  fc.assert(
    fc.property(request, fc.infiniteStream(fc.boolean()), (each, luck) => {
      // What is forced, or asked for by name, is done again: only then the ends differ.
      const options = { ...each.options, forceRecreate: false, services: [] }
      const before = { ...each.observed, containers: each.observed.containers.map(finished) }
      const whole = planFor({ ...each, options, observed: before })
      const left = someOf(whole.actions, luck).reduce(timed, before)
      const rest = planFor({ ...each, options, observed: left })
      expect(shapeOf(rest.actions.reduce(effect, left))).toEqual(
        shapeOf(whole.actions.reduce(effect, before)),
      )
    }),
    RUNS,
  )
})

test('plan() removes a volume only when it was asked to', () => {
  fc.assert(
    fc.property(request, (each) => {
      const isAsked = each.desired === undefined && each.options.volumes === true
      const removed = planFor(each).actions.filter(({ kind }) => kind === 'remove-volume')
      if (!isAsked) expect(removed).toEqual([])
    }),
    RUNS,
  )
})

test('plan() of down of everything leaves nothing but volumes', () => {
  fc.assert(
    fc.property(observedState, fc.boolean(), (observed, volumes) => {
      const { actions } = planFor({ desired: undefined, observed, options: { volumes } })
      const end = actions.reduce(effect, observed)
      expect({ containers: end.containers, networks: end.networks }).toEqual({
        containers: [],
        networks: [],
      })
      expect(end.volumes).toEqual(volumes ? [] : observed.volumes)
    }),
    RUNS,
  )
})

test('describe() names every action by its resource', () => {
  fc.assert(
    fc.property(request, (each) => {
      const found = planFor(each)
      const text = describe(found)
      for (const action of found.actions) {
        expect(text).toContain(textOf(action).split(' ').at(-1))
      }
    }),
    RUNS,
  )
})

/**
 * Actions that succeeded: none without all that it had to wait for, as side by side they may be cut
 * off.
 */
function someOf(actions: readonly Action[], luck: Iterator<boolean>): readonly Action[] {
  const done = new Set<string>()
  return actions.filter((action) => {
    const isDone = luck.next().value === true && idsBefore(action).every((id) => done.has(id))
    if (isDone) done.add(action.id)
    return isDone
  })
}

/** What was there before the plan ended at 1; what the plan starts, starts at 2. */
function finished(container: ObservedContainer): ObservedContainer {
  return { ...container, startedAt: 0, finishedAt: 1 }
}

function timed(observed: ObservedState, action: Action): ObservedState {
  const after = effect(observed, action)
  if (action.kind !== 'start-container') return after
  const containers = after.containers.map((each) =>
    each.name === action.name ? { ...each, startedAt: 2 } : each,
  )
  return { ...after, containers }
}

function starts(actions: readonly Action[], service: string): readonly Action[] {
  return actions.filter((each) => each.kind === 'start-container' && each.service === service)
}

function stops(actions: readonly Action[], service: string): readonly Action[] {
  return actions.filter((each) => each.kind === 'stop-container' && each.service === service)
}

/** The action `id`, if there is one, waits for each of `others`, directly or not. */
function expectAfter(actions: readonly Action[], id: string, others: readonly Action[]): void {
  const byId = new Map(actions.map((each) => [each.id, each]))
  const reached = new Set<string>()
  const visit = (from: string): void => {
    const action = byId.get(from)
    for (const before of action === undefined ? [] : idsBefore(action)) {
      if (reached.has(before)) continue
      reached.add(before)
      visit(before)
    }
  }
  visit(id)
  if (byId.has(id)) expect([...reached]).toEqual(expect.arrayContaining(others.map((it) => it.id)))
}

/** What counts of an end: what exists and what runs, not how often it was started. */
function shapeOf({ containers, networks, volumes }: ObservedState): unknown {
  return {
    containers: containers
      .map(({ name, state, spec }) => JSON.stringify([name, state, spec]))
      .toSorted(),
    networks: networks.map(({ spec }) => JSON.stringify(spec)).toSorted(),
    volumes: volumes.map(({ spec }) => JSON.stringify(spec)).toSorted(),
  }
}
