/** What the fate of one container, network or volume means for the others. */

import type { Decision, Question } from './decide.ts'
import { hasCompleted } from './decide.ts'
import { attachedNetworks, mountedVolumes, type NetworkDecision } from './resources.ts'
import type { ContainerSpec, ObservedContainer } from './model.ts'

export interface Surroundings {
  readonly networks: readonly NetworkDecision[]
  /** Volumes that this plan creates, by name: anew, or for the first time. */
  readonly newVolumes: ReadonlyMap<string, 'create' | 'replace'>
}

/**
 * Decisions after every effect has reached whom it reaches. Each pass may only raise a decision
 * (keep to start, to restart, to replace), so there are at most three passes per container.
 */
export function propagate(
  question: Question,
  decisions: readonly Decision[],
  surroundings: Surroundings,
): readonly Decision[] {
  let current = decisions
  for (let pass = 0; pass <= 3 * decisions.length; pass += 1) {
    const fates = fatesOf(current)
    const all = current
    const next = all.map((each) => affect(question, each, { fates, all, surroundings }))
    if (next.every((decision, at) => decision === current[at])) return next
    current = next
  }
  return current
}

/** Per service, the strongest thing that happens to one of its containers. */
interface Fates {
  readonly replaced: ReadonlySet<string>
  readonly restarted: ReadonlySet<string>
}

interface Influences {
  readonly fates: Fates
  readonly all: readonly Decision[]
  readonly surroundings: Surroundings
}

function fatesOf(decisions: readonly Decision[]): Fates {
  const withVerdict = (verdict: Decision['verdict']): ReadonlySet<string> =>
    new Set(decisions.filter((each) => each.verdict === verdict).map((each) => each.service))
  return {
    replaced: new Set([
      ...withVerdict('replace'),
      ...decisions.filter((each) => each.isUpdate === true).map((each) => each.service),
    ]),
    restarted: withVerdict('restart'),
  }
}

function affect(
  question: Question,
  decision: Decision,
  { fates, all, surroundings }: Influences,
): Decision {
  const { desired, observed } = decision
  if (desired === undefined || observed === undefined || isSettled(question, decision)) {
    return decision
  }
  const host = namespaceHost(desired.spec)
  if (host !== undefined && fates.replaced.has(host) && question.options.noRecreate !== true) {
    const reason = `shares the network of "${host}", which is replaced`
    return { ...decision, verdict: 'replace', reason }
  }
  if (decision.verdict === 'keep' && isUp(decision)) {
    const reason = restartReason(decision, fates, surroundings)
    if (reason !== undefined) return { ...decision, verdict: 'restart', reason }
  }
  return decision.verdict === 'keep' ? rerun(question, decision, all) : decision
}

/** Nothing stronger can happen to it; and `create` restarts nothing. */
function isSettled({ options }: Question, { verdict }: Decision): boolean {
  return verdict === 'replace' || verdict === 'remove' || options.noStart === true
}

/**
 * A running container is restarted: a new attempt has a fresh network namespace and fresh mounts.
 */
function restartReason(
  { desired, observed }: Decision,
  fates: Fates,
  { networks, newVolumes }: Surroundings,
): string | undefined {
  const dependency = desired?.dependsOn.find(
    (each) =>
      each.restart && (fates.replaced.has(each.service) || fates.restarted.has(each.service)),
  )
  if (dependency !== undefined) {
    const what = fates.replaced.has(dependency.service) ? 'replaced' : 'restarted'
    return `"${dependency.service}", on which it depends, is ${what}`
  }
  if (observed === undefined) return undefined
  const attached = attachedNetworks(observed.spec)
  const network = networks.find(
    (each) =>
      (each.verdict === 'create' || each.verdict === 'replace') && attached.has(each.spec.name),
  )
  if (network !== undefined) {
    return `network "${network.spec.name}" ${network.verdict === 'create' ? 'was gone' : 'changed'}`
  }
  const volume = mountedVolumes(observed.spec).find((name) => newVolumes.has(name))
  if (volume === undefined) return undefined
  return `volume "${volume}" ${newVolumes.get(volume) === 'create' ? 'was gone' : 'changed'}`
}

/** A completed one-shot runs again when what it depends on is new. */
function rerun({ selection }: Question, decision: Decision, all: readonly Decision[]): Decision {
  const { desired, observed } = decision
  if (desired === undefined || observed === undefined) return decision
  if (!hasCompleted(observed) || !selection.selected.has(decision.service)) return decision
  const dependency = desired.dependsOn.find((each) =>
    isNew(
      all.filter(({ service }) => service === each.service),
      observed,
    ),
  )
  if (dependency === undefined) return decision
  const reason = `completed, but "${dependency.service}", on which it depends, is new`
  return { ...decision, verdict: 'start', reason }
}

/**
 * True when a service has no replica from before `job` ran: one more replica is no new service. The
 * look at times finds those that an interrupted plan has created already.
 */
function isNew(replicas: readonly Decision[], job: ObservedContainer): boolean {
  const made = replicas.filter(
    ({ desired, verdict }) => desired !== undefined && verdict !== 'remove',
  )
  return (
    made.length > 0 &&
    made.every(({ verdict, observed }) => {
      if (verdict === 'create' || verdict === 'replace') return true
      if (observed === undefined) return false
      if (observed.attempt === 0) return true
      return observed.attempt === 1 && (observed.startedAt ?? 0) > (job.finishedAt ?? Infinity)
    })
  )
}

function isUp({ observed }: Decision): boolean {
  return observed?.state === 'running' || observed?.state === 'paused'
}

/** The service whose network namespace a container borrows. */
function namespaceHost(spec: ContainerSpec): string | undefined {
  return spec.network.kind === 'service' ? spec.network.service : undefined
}
