/**
 * Updates in batches: which replicas of a service come and go together, and what each waits for.
 * A batch is started (each replica that is replaced in its place is stopped first), has to prove
 * itself, and then those go whose places the new ones do not take. The next one follows.
 */

import type { Decision, Question } from './decide.ts'
import { isAlive } from './is-alive.ts'
import type { Action } from './model.ts'
import type { UpdateRule } from './model-update.ts'

export interface Rolls {
  readonly services: ReadonlySet<string>
  /** Ids that a stop or a start has to wait for, by container. */
  readonly beforeStop: ReadonlyMap<string, readonly string[]>
  readonly beforeStart: ReadonlyMap<string, readonly string[]>
  /** Containers replaced in their place while others of their service serve. */
  readonly drained: ReadonlySet<string>
  /** By service: what tells that all of its update is done. */
  readonly settled: ReadonlyMap<string, readonly string[]>
  readonly actions: readonly Action[]
}

export const noRolls: Rolls = {
  services: new Set(),
  beforeStop: new Map(),
  beforeStart: new Map(),
  drained: new Set(),
  settled: new Map(),
  actions: [],
}

/** Of all services that have a rule, and of which something is replaced while it runs. */
export function rollsOf(question: Question, decisions: readonly Decision[]): Rolls {
  const { desired, options } = question
  const rules = Object.entries(desired?.updates ?? {})
  if (rules.length === 0 || options.noStart === true) return noRolls
  const rolls = rules.flatMap(([service, { update, rollback }]) => {
    const own = decisions.filter((each) => each.service === service)
    return rollOf(service, own, options.rollback === true ? rollback : update)
  })
  if (rolls.length === 0) return noRolls
  const edges = rolls.flatMap((roll) => roll.batches.flatMap((_, at) => edgesOf(roll, at)))
  return {
    services: new Set(rolls.map(({ service }) => service)),
    beforeStop: new Map(edges.flatMap(({ stops }) => stops)),
    beforeStart: new Map(edges.flatMap(({ starts }) => starts)),
    drained: new Set(rolls.flatMap(drainedOf)),
    settled: new Map(
      rolls.map((roll) => [roll.service, [settleId(roll, roll.batches.length - 1)]]),
    ),
    actions: rolls.flatMap((roll) => roll.batches.map((_, at) => settleAction(roll, at))),
  }
}

interface Roll {
  readonly service: string
  readonly rule: UpdateRule
  /** Those that stay as they are: an earlier update, cut short, may have just started them. */
  readonly kept: readonly string[]
  readonly batches: readonly Batch[]
}

interface Batch {
  /** Created, replaced or restarted. */
  readonly coming: readonly Decision[]
  /** Removed while they run. */
  readonly going: readonly Decision[]
}

function rollOf(service: string, own: readonly Decision[], rule: UpdateRule): readonly Roll[] {
  const coming = own
    .filter(({ verdict }) => ['create', 'replace', 'restart', 'start'].includes(verdict))
    // Whoever takes nobody's place away comes first.
    .toSorted((a, b) => Number(isTaken(a)) - Number(isTaken(b)))
  const going = own.filter((each) => each.verdict === 'remove' && isRunning(each))
  const isUpdate = coming.some(isTaken) || going.some((each) => each.isUpdate === true)
  if (!isUpdate) return []
  const kept = own.filter((each) => each.verdict === 'keep' && isRunning(each))
  const size = Math.max(1, rule.parallelism === 0 ? coming.length : rule.parallelism)
  const count = Math.max(1, Math.ceil(coming.length / size))
  const batches = Array.from({ length: count }, (_, at) => ({
    coming: coming.slice(at * size, (at + 1) * size),
    going: going.slice(at * size, at === count - 1 ? undefined : (at + 1) * size),
  }))
  return [{ service, rule, kept: kept.map(({ name }) => name), batches }]
}

/** It runs, and stops before its successor starts. */
function isTaken(decision: Decision): boolean {
  return ['replace', 'restart'].includes(decision.verdict) && isRunning(decision)
}

function isRunning({ observed }: Decision): boolean {
  return observed !== undefined && isAlive(observed)
}

/** What each replica of a batch waits for: the one before it, and the proof of its own. */
function edgesOf(roll: Roll, at: number) {
  const { coming = [], going = [] } = roll.batches[at] ?? {}
  const before = roll.batches[at - 1]
  const earlier =
    before === undefined
      ? []
      : [settleId(roll, at - 1), ...before.going.map(({ name }) => `remove-container:${name}`)]
  type Edge = readonly [string, readonly string[]]
  return {
    stops: [
      ...coming.filter(isTaken).map(({ name }): Edge => [name, earlier]),
      ...going.map(({ name }): Edge => [name, [settleId(roll, at)]]),
    ],
    starts: coming.map(({ name }): Edge => [name, earlier]),
  }
}

/** All but the last of a service has others that serve. */
function drainedOf({ batches }: Roll): readonly string[] {
  const all = batches.flatMap(({ coming, going }) => [...coming.filter(isTaken), ...going])
  return batches.flatMap(({ coming }) => {
    const taken = coming.filter(isTaken)
    return taken.length < all.length ? taken.map(({ name }) => name) : []
  })
}

function settleAction({ service, rule, kept, batches }: Roll, at: number): Action {
  const { coming = [] } = batches[at] ?? {}
  return {
    id: settleId({ service }, at),
    after: at === 0 ? [] : [settleId({ service }, at - 1)],
    afterEnd: coming.map(({ name }) => `start-container:${name}`),
    reason: `batch ${at + 1} of ${batches.length}`,
    kind: 'settle-update',
    name: service,
    service,
    containers: namesOf(batches.slice(at, at + 1)),
    earlier: [...kept, ...namesOf(batches.slice(0, at))],
    total: kept.length + namesOf(batches).length,
    batch: at + 1,
    batches: batches.length,
    rule,
  }
}

function namesOf(batches: readonly Batch[]): readonly string[] {
  return batches.flatMap(({ coming }) => coming.map(({ name }) => name))
}

function settleId({ service }: Pick<Roll, 'service'>, at: number): string {
  return `settle-update:${service}/${at + 1}`
}
