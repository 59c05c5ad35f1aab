/** What is to become of networks and volumes. */

import type { Decision, Question } from './decide.ts'
import { diffSpec } from './diff.ts'
import type { ContainerSpec, FieldChange, NetworkSpec, VolumeSpec } from './model.ts'
import { compareNames } from './order.ts'

export interface NetworkDecision {
  readonly spec: NetworkSpec
  /** As it is on the machine; absent when it is not there. */
  readonly observed?: NetworkSpec
  readonly verdict: 'create' | 'replace' | 'keep' | 'remove'
  readonly reason: string
  readonly changes: readonly FieldChange[]
}

export interface VolumeDecision {
  readonly spec: VolumeSpec
  readonly verdict: 'create' | 'replace' | 'keep' | 'remove'
  readonly reason: string
  /** Why something that differs, or is no longer wanted, stays. */
  readonly note?: string
}

/** Networks that the touched containers need, and those that nothing needs any more. */
export function decideNetworks(
  question: Question,
  decisions: readonly Decision[],
): readonly NetworkDecision[] {
  const { desired, observed } = question
  const wanted = new Map((desired?.networks ?? []).map((each) => [each.name, each]))
  const existing = new Map(observed.networks.map((each) => [each.spec.name, each.spec]))
  const used = networksOf(decisions)
  const needed = isForAll(question)
    ? new Set(wanted.keys())
    : networksOf(decisions.filter((each) => isTouchable(question, each)))
  const results: NetworkDecision[] = []
  for (const spec of wanted.values()) {
    if (!spec.external) results.push(decideWantedNetwork(spec, existing.get(spec.name), needed))
  }
  for (const spec of existing.values()) {
    if (wanted.has(spec.name) || spec.external) continue
    results.push(decideUnwantedNetwork(question, spec, used))
  }
  return results.toSorted((a, b) => compareNames(a.spec.name, b.spec.name))
}

/**
 * Data is never lost but by `volumes` and `recreateVolumes`: what differs or is no longer in the
 * file stays, with a note.
 */
export function decideVolumes(
  question: Question,
  decisions: readonly Decision[],
): readonly VolumeDecision[] {
  const { desired, observed } = question
  const wanted = new Map((desired?.volumes ?? []).map((each) => [each.name, each]))
  const existing = new Map(observed.volumes.map((each) => [each.spec.name, each.spec]))
  const used = new Set(remainingSpecs(decisions).flatMap(mountedVolumes))
  const touchable = decisions.filter((each) => isTouchable(question, each))
  const needed = isForAll(question)
    ? new Set(wanted.keys())
    : new Set(remainingSpecs(touchable).flatMap(mountedVolumes))
  const results: VolumeDecision[] = []
  for (const spec of wanted.values()) {
    if (!spec.external) {
      const facts = { observed: existing.get(spec.name), isNeeded: needed.has(spec.name) }
      results.push(decideWantedVolume(question, spec, facts))
    }
  }
  const containers = [...observed.containers, ...(desired?.containers ?? [])]
  const anonymous = new Set(containers.flatMap((each) => anonymousVolumes(each.spec)))
  for (const spec of existing.values()) {
    if (wanted.has(spec.name) || spec.external || anonymous.has(spec.name)) continue
    results.push(decideUnwantedVolume(question, spec, used))
  }
  return results.toSorted((a, b) => compareNames(a.spec.name, b.spec.name))
}

/** Names of the networks a container is attached to. */
export function attachedNetworks(spec: ContainerSpec): ReadonlySet<string> {
  if (spec.network.kind !== 'networks') return new Set()
  return new Set(spec.network.attachments.map((each) => each.network))
}

/** Named volumes, not the anonymous ones, which live and die with their container. */
export function mountedVolumes(spec: ContainerSpec): readonly string[] {
  return spec.mounts.flatMap((mount) =>
    mount.kind === 'volume' && !mount.anonymous ? [mount.volume] : [],
  )
}

export function anonymousVolumes(spec: ContainerSpec): readonly string[] {
  return spec.mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.anonymous ? [mount.volume] : [],
  )
}

function networksOf(decisions: readonly Decision[]): ReadonlySet<string> {
  return new Set(remainingSpecs(decisions).flatMap((spec) => [...attachedNetworks(spec)]))
}

function isForAll({ desired, selection }: Question): boolean {
  return desired?.allResources === true && !selection.partial
}

/** A plan for some services leaves the networks and volumes of the others as they are. */
function isTouchable({ selection }: Question, decision: Decision): boolean {
  return selection.selected.has(decision.service) || decision.verdict !== 'keep'
}

function decideWantedNetwork(
  spec: NetworkSpec,
  observed: NetworkSpec | undefined,
  needed: ReadonlySet<string>,
): NetworkDecision {
  if (observed === undefined) {
    return needed.has(spec.name)
      ? { spec, verdict: 'create', reason: 'not created yet', changes: [] }
      : { spec, verdict: 'keep', reason: 'not needed', changes: [] }
  }
  if (!needed.has(spec.name)) {
    return { spec, observed, verdict: 'keep', reason: 'not needed', changes: [] }
  }
  const changes = diffSpec(observed, spec)
  if (changes.length === 0)
    return { spec, observed, verdict: 'keep', reason: 'up to date', changes }
  const fields = changes.map((change) => change.path).join(', ')
  return { spec, observed, verdict: 'replace', reason: `${fields} changed`, changes }
}

function decideUnwantedNetwork(
  { desired }: Question,
  spec: NetworkSpec,
  used: ReadonlySet<string>,
): NetworkDecision {
  const base = { spec, observed: spec, changes: [] }
  if (used.has(spec.name)) return { ...base, verdict: 'keep', reason: 'still in use' }
  const reason = desired === undefined ? 'taken down' : 'no longer in the stack file'
  return { ...base, verdict: 'remove', reason }
}

function decideWantedVolume(
  { options }: Question,
  spec: VolumeSpec,
  { observed, isNeeded }: { readonly observed: VolumeSpec | undefined; readonly isNeeded: boolean },
): VolumeDecision {
  if (observed === undefined) {
    return isNeeded
      ? { spec, verdict: 'create', reason: 'not created yet' }
      : { spec, verdict: 'keep', reason: 'not needed' }
  }
  const changes = diffSpec(observed, spec)
  if (changes.length === 0) return { spec, verdict: 'keep', reason: 'up to date' }
  const fields = changes.map((change) => change.path).join(', ')
  // A container that is not to be started cannot be stopped for it either.
  if (options.recreateVolumes === true && options.noStart !== true && isNeeded) {
    return { spec, verdict: 'replace', reason: `${fields} changed` }
  }
  return {
    spec: observed,
    verdict: 'keep',
    reason: 'holds data',
    note:
      `Volume "${spec.name}" differs from the stack file in ${fields}; it is kept as it is, ` +
      'because to create it anew would lose its data; "up --yes" does so',
  }
}

function decideUnwantedVolume(
  { desired, options }: Question,
  spec: VolumeSpec,
  used: ReadonlySet<string>,
): VolumeDecision {
  if (used.has(spec.name)) return { spec, verdict: 'keep', reason: 'still in use' }
  if (desired === undefined) {
    return options.volumes === true
      ? { spec, verdict: 'remove', reason: 'taken down with its data' }
      : {
          spec,
          verdict: 'keep',
          reason: 'holds data',
          note: `Volume "${spec.name}" is kept; "down -v" removes it with its data`,
        }
  }
  return {
    spec,
    verdict: 'keep',
    reason: 'holds data',
    note: `Volume "${spec.name}" is no longer in the stack file; it is kept with its data`,
  }
}

/**
 * Specs of the containers that are there when the plan is done: the desired one where it is made.
 */
function remainingSpecs(decisions: readonly Decision[]): readonly ContainerSpec[] {
  return decisions.flatMap(({ verdict, desired, observed, changes }) => {
    if (verdict === 'remove') return []
    const made = verdict === 'create' || verdict === 'replace' || changes.length > 0
    const container = made ? desired : observed
    return container === undefined ? [] : [container.spec]
  })
}
