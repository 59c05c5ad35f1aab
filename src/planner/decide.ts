/**
 * What is to become of each container by itself, and why: the first look, before any effect on
 * others.
 */

import { diffSpec } from './diff.ts'
import { isAlive } from './is-alive.ts'
import type {
  DesiredContainer,
  DesiredState,
  FieldChange,
  ObservedContainer,
  ObservedState,
} from './model.ts'
import type { PlanOptions } from './options.ts'
import { compareNames } from './order.ts'
import { knownChanges } from './spec-version.ts'
import { serviceNames, type Selection } from './select.ts'

/**
 * `replace` is stop, remove, create, start; `restart` is stop and start of the same container;
 * `remove` stops it first when it runs; `keep` touches nothing.
 */
export type Verdict = 'create' | 'replace' | 'restart' | 'start' | 'keep' | 'remove'

/** The reason for keeping what the stack file no longer has. */
export const ORPHAN = 'orphan'

export interface Decision {
  readonly name: string
  readonly service: string
  readonly index: number
  /** Absent when the container is not wanted. */
  readonly desired?: DesiredContainer
  /** Absent when it does not exist yet. */
  readonly observed?: ObservedContainer
  readonly verdict: Verdict
  readonly reason: string
  readonly changes: readonly FieldChange[]
  /** Of one that is removed: another replica of its service takes over from it. */
  readonly isUpdate?: boolean
}

export interface Question {
  readonly desired: DesiredState | undefined
  readonly observed: ObservedState
  readonly selection: Selection
  readonly options: PlanOptions
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Whatever the stack may have, by name: `desired` has those that it is to have at the end. */
  readonly places: ReadonlyMap<string, DesiredContainer>
}

/** One decision per container, desired or observed, sorted by service and index. */
export function decide(question: Question): readonly Decision[] {
  const concerned = question.observed.containers.filter((each) => isConcerned(question, each))
  const existing = new Map(concerned.map((each) => [each.name, each]))
  const wanted = new Map((question.desired?.containers ?? []).map((each) => [each.name, each]))
  const decisions = [
    ...[...wanted.values()].map((each) => decideWanted(question, each, existing.get(each.name))),
    ...[...existing.values()]
      .filter((each) => !wanted.has(each.name))
      .map((each) => decideUnwanted(question, each)),
  ]
  return decisions.toSorted(
    (a, b) =>
      compareNames(a.service, b.service) || a.index - b.index || compareNames(a.name, b.name),
  )
}

/**
 * Containers of `run` are their caller's: only what takes the whole stack down, or removes orphans,
 * removes them too.
 */
function isConcerned(
  { desired, options, selection }: Question,
  { oneOff, state }: ObservedContainer,
): boolean {
  if (oneOff === undefined) return true
  if (desired === undefined) return !selection.partial && options.oneOffs !== false
  return options.removeOrphans === true && (state === 'exited' || state === 'created')
}

/** A program that ran to its end, as its restart policy meant it to: it is not started again. */
export function hasCompleted(container: ObservedContainer): boolean {
  const { condition } = container.spec.restart
  return (
    container.state === 'exited' &&
    container.exitCode === 0 &&
    !container.stoppedByUser &&
    (condition === 'no' || condition === 'on-failure')
  )
}

function decideWanted(
  question: Question,
  desired: DesiredContainer,
  observed: ObservedContainer | undefined,
): Decision {
  const { name, service, index } = desired
  const base = { name, service, index, desired, changes: [] }
  if (observed === undefined) {
    return question.selection.selected.has(service)
      ? { ...base, verdict: 'create', reason: 'not created yet' }
      : { ...base, verdict: 'keep', reason: 'not selected' }
  }
  if (!question.selection.selected.has(service)) {
    return { ...base, observed, verdict: 'keep', reason: 'not selected' }
  }
  return { ...base, observed, ...judge(question, desired, observed) }
}

type Judgement = Pick<Decision, 'verdict' | 'reason' | 'changes'>

function judge(
  question: Question,
  desired: DesiredContainer,
  observed: ObservedContainer,
): Judgement {
  const changes = isNoRecreate(question) ? [] : diffContainer(desired, observed)
  if (changes.some(({ path }) => !isLive(path))) {
    return { verdict: 'replace', reason: summarize(changes), changes }
  }
  if (isForced(question, desired.service)) {
    return { verdict: 'replace', reason: 'forced by --force-recreate', changes }
  }
  return { ...judgeState(question, observed), changes }
}

/**
 * What a container can be given anew while it runs: limits, published ports, networks beside its
 * loopback, and what only we look at.
 */
function isLive(path: string): boolean {
  if (/^(?:ports|network\.attachments)(?:$|[.[])/u.test(path)) return true
  const [field = ''] = path.split(/[.[]/u)
  return ['resources', 'restart', 'stopGraceMs', 'stopSignal', 'onUnhealthy'].includes(field)
}

function judgeState(
  question: Question,
  observed: ObservedContainer,
): Pick<Judgement, 'verdict' | 'reason'> {
  const { selection, options } = question
  const isTargeted = selection.targeted.has(observed.service)
  if (isAlive(observed)) {
    return isTargeted && options.restart === true
      ? { verdict: 'restart', reason: 'restarted by the user' }
      : judgeAlive(question, observed)
  }
  if (options.noStart === true) return { verdict: 'keep', reason: 'not to be started' }
  const asked = isTargeted && (selection.partial || options.restart === true)
  if (hasCompleted(observed) && !asked) return { verdict: 'keep', reason: 'completed' }
  return { verdict: 'start', reason: notRunningReason(observed) }
}

function judgeAlive(
  { now, options }: Question,
  { state, restartAt }: ObservedContainer,
): Pick<Judgement, 'verdict' | 'reason'> {
  if (state === 'running') return { verdict: 'keep', reason: 'up to date' }
  if (state === 'paused') return { verdict: 'keep', reason: 'paused' }
  const isDue = restartAt !== undefined && restartAt <= now && options.noStart !== true
  return isDue
    ? { verdict: 'start', reason: 'back-off is over' }
    : { verdict: 'keep', reason: 'restarting' }
}

function decideUnwanted(question: Question, observed: ObservedContainer): Decision {
  const { name, service, index } = observed
  const base = { name, service, index, observed, changes: [] }
  return { ...base, ...judgeUnwanted(question, observed), ...givenUp(question, observed) }
}

/** An old replica of a service whose new one has taken another place. */
function givenUp(
  question: Question,
  observed: ObservedContainer,
): Partial<Pick<Decision, 'reason' | 'changes' | 'isUpdate'>> {
  const place = question.places.get(observed.name)
  if (place === undefined || isFresh(question, place, observed)) return {}
  if (isForced(question, place.service)) {
    return { isUpdate: true, reason: 'forced by --force-recreate' }
  }
  const changes = diffContainer(place, observed)
  return { isUpdate: true, reason: summarize(changes), changes }
}

function judgeUnwanted(
  { desired, selection, options }: Question,
  { service, index, oneOff }: ObservedContainer,
): Pick<Judgement, 'verdict' | 'reason'> {
  if (desired === undefined) {
    return selection.selected.has(service)
      ? { verdict: 'remove', reason: 'taken down' }
      : { verdict: 'keep', reason: 'not selected' }
  }
  if (oneOff !== undefined) return { verdict: 'remove', reason: 'left by "run"' }
  if (desired.inactiveServices?.includes(service) === true) {
    return { verdict: 'keep', reason: 'its profile is not active' }
  }
  if (!serviceNames(desired).has(service)) {
    return isToGo(options, service)
      ? { verdict: 'remove', reason: 'no longer in the stack file' }
      : { verdict: 'keep', reason: ORPHAN }
  }
  if (!selection.selected.has(service)) return { verdict: 'keep', reason: 'not selected' }
  const siblings = desired.containers.filter((each) => each.service === service)
  const renamed = siblings.find((each) => each.index === index)
  if (renamed !== undefined) return { verdict: 'remove', reason: `renamed to "${renamed.name}"` }
  return { verdict: 'remove', reason: `scaled down to ${siblings.length}` }
}

function isToGo({ removeOrphans, removedServices }: PlanOptions, orphan: string): boolean {
  return removeOrphans === true || removedServices?.includes(orphan) === true
}

function isNoRecreate({ options }: Pick<Question, 'options'>): boolean {
  return options.noRecreate === true
}

function isForced(
  { options, selection }: Pick<Question, 'options' | 'selection'>,
  service: string,
): boolean {
  if (options.forceRecreate !== true) return false
  return options.alwaysRecreateDeps === true || selection.targeted.has(service)
}

/** True when a container need not be replaced, whatever becomes of it otherwise. */
export function isFresh(
  question: Pick<Question, 'options' | 'selection'>,
  desired: DesiredContainer,
  observed: ObservedContainer,
): boolean {
  if (isNoRecreate(question) || !question.selection.selected.has(desired.service)) return true
  if (isForced(question, desired.service)) return false
  return diffContainer(desired, observed).every(({ path }) => isLive(path))
}

/** A name that moved to another service is another container too. */
function diffContainer(
  desired: DesiredContainer,
  observed: ObservedContainer,
): readonly FieldChange[] {
  return [
    ...diffSpec(
      { service: observed.service, index: observed.index },
      { service: desired.service, index: desired.index },
    ),
    ...knownChanges(diffSpec(observed.spec, desired.spec), observed.specVersion ?? 1),
  ]
}

/** `image changed`, `image and environment changed`, `5 fields changed`. */
export function summarize(changes: readonly FieldChange[]): string {
  const fields = [...new Set(changes.map((change) => change.path.split(/[.[]/u)[0]))]
  if (fields.length > 3) return `${fields.length} fields changed`
  const last = fields.at(-1) ?? ''
  const others = fields.slice(0, -1).join(', ')
  return others === '' ? `${last} changed` : `${others} and ${last} changed`
}

function notRunningReason(observed: ObservedContainer): string {
  if (observed.failure !== undefined) return `last start failed: ${observed.failure}`
  if (observed.state === 'created') return 'not started yet'
  if (observed.oomKilled) return 'killed by its memory limit'
  if (observed.stoppedByUser) return 'stopped by hand'
  return observed.exitCode === undefined ? 'not running' : `exited with ${observed.exitCode}`
}
