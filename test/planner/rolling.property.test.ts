/** Updates in batches, on random stacks and machines. */

import * as fc from '../support/random.ts'
import { expect, test } from 'vitest'
import {
  effect,
  plan,
  type DesiredState,
  type ObservedState,
  type UpdateRule,
} from '../../src/planner/index.ts'
import { desiredState, observedState, planOptions } from './arbitrary.ts'
import { expectSound } from './check.ts'

const RUNS = { numRuns: 400 }

const rule: fc.Arbitrary<UpdateRule> = fc.record({
  parallelism: fc.nat(3),
  order: fc.constantFrom('start-first', 'stop-first'),
  delayMs: fc.constant(0),
  monitorMs: fc.constant(0),
  failureAction: fc.constantFrom('pause', 'continue', 'rollback'),
  maxFailureRatio: fc.constant(0),
})

/** With a rule for some services; the others are as without any. */
const rolling = fc
  .tuple(desiredState, fc.array(fc.option(rule), { minLength: 5, maxLength: 5 }))
  .map(([desired, rules]): DesiredState => {
    const updates = (desired.services ?? []).flatMap((service, at) => {
      const chosen = rules[at] ?? undefined
      if (chosen === undefined) return []
      const own = desired.containers.filter((each) => each.service === service)
      const spares = own.map((each) => {
        const index = each.index + own.length
        return { ...each, index, name: `${service}.${index}` }
      })
      return [[service, { update: chosen, rollback: chosen, spares }] as const]
    })
    return { ...desired, updates: Object.fromEntries(updates) }
  })

test('plan() of updates in batches can be executed in its order, and then nothing is left', () => {
  fc.assert(
    fc.property(rolling, observedState, planOptions, (desired, observed, options) => {
      expectSound({ desired, observed }, plan({ desired, observed, now: 0, options }), options)
    }),
    RUNS,
  )
})

test('plan() goes on from wherever an update was cut short', () => {
  fc.assert(
    fc.property(rolling, observedState, fc.nat(60), (desired, observed, length) => {
      const { actions } = plan({ desired, observed, now: 0 })
      const left = actions.slice(0, length).reduce(effect, observed)
      expectSound({ desired, observed: left }, plan({ desired, observed: left, now: 0 }), {})
    }),
    RUNS,
  )
})

test('plan() leaves as many replicas running as the rule says, at every moment', () => {
  fc.assert(
    fc.property(rolling, observedState, (desired, from) => {
      const observed = { ...from, containers: from.containers.map(running) }
      const { actions } = plan({ desired, observed, now: 0 })
      const batched = new Set(
        actions.flatMap((each) => (each.kind === 'settle-update' ? [each.service] : [])),
      )
      for (const service of batched) {
        const { parallelism, order } = desired.updates?.[service]?.update ?? { parallelism: 0 }
        const wanted = desired.containers.filter((each) => each.service === service).length
        const before = count(observed, service)
        // A service that has taken all of its places has none to spare.
        if (order !== 'start-first' || before > wanted || isMoved(desired, observed, service))
          continue
        let now: ObservedState = observed
        for (const action of actions) {
          now = effect(now, action)
          expect(count(now, service)).toBeGreaterThanOrEqual(Math.min(before, wanted))
          const most =
            before + (parallelism === 0 ? wanted : parallelism) + Math.max(0, wanted - before)
          expect(count(now, service)).toBeLessThanOrEqual(most)
        }
      }
    }),
    RUNS,
  )
})

function running(container: ObservedState['containers'][number]): typeof container {
  const { exitCode: _, ...rest } = container
  return { ...rest, state: 'running', stoppedByUser: false, attempt: 1 }
}

function count({ containers }: ObservedState, service: string): number {
  return containers.filter((each) => each.service === service && each.state === 'running').length
}

/** It restarts in its place: for a network, a volume, or something it depends on. */
function isMoved(desired: DesiredState, observed: ObservedState, service: string): boolean {
  const { actions } = plan({ desired, observed, now: 0 })
  const started = new Set(
    actions.flatMap((each) => (each.kind === 'start-container' ? [each.name] : [])),
  )
  return observed.containers.some((each) => each.service === service && started.has(each.name))
}
