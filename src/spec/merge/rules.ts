/** Keys that merge in their own way. */
import {
  type Entry,
  getString,
  isNull,
  list,
  type MapNode,
  type Node,
  text,
  map,
  boolean,
} from '../tree/node.ts'
import { nothing } from '../tree/node.ts'
import { toPlain } from '../tree/plain.ts'
import { rules, type Rules } from '../tree/rules.ts'
import { asBuild, asMapping, asSequence, keyValues } from './forms.ts'

/**
 * Returns undefined when the values are not of the kind the rule is for: then the general rule
 * applies.
 */
export type MergeRule = (
  base: Node,
  over: Node,
  mergeMaps: (base: MapNode, over: MapNode) => Node,
) => Node | undefined

/** The later value stands, even when it is null. */
const replace: MergeRule = (base, over) => ({ ...over, replaces: base })

/** Both as mappings: the later value of a key wins, and null un-sets it. */
const byKey: MergeRule = (base, over) => {
  const left = keyValues(base)
  const right = keyValues(over)
  if (left === undefined || right === undefined) return undefined
  const entries = new Map(inOrder(base, left).map((entry) => [entry.key, entry]))
  for (const entry of inOrder(over, right)) {
    const earlier = left.entries.get(entry.key)
    const value =
      earlier === undefined || entry.value.kind === 'reset'
        ? entry.value
        : { ...entry.value, replaces: earlier.value }
    entries.set(entry.key, { ...entry, value })
  }
  return { kind: 'map', entries, place: left.place, listed: true }
}

/** A list keeps its order; a mapping has none, so it is sorted. */
function inOrder(written: Node, { entries, listed }: MapNode): readonly Entry[] {
  const all = [...entries.values()]
  return written.kind === 'list' || listed === true
    ? all
    : all.sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Both as lists, one after the other; duplicates go later. */
const appended: MergeRule = (base, over) => {
  const left = asSequence(base)
  const right = asSequence(over)
  if (left === undefined || right === undefined) return undefined
  return list([...left.items, ...right.items], over)
}

/** As {@link appended}, but an entry that is there already is not added again. */
const appendedOnce: MergeRule = (base, over) => {
  const left = asSequence(base)
  const right = asSequence(over)
  if (left === undefined || right === undefined) return undefined
  const known = new Set(left.items.map((item) => JSON.stringify(toPlain(item))))
  const fresh = right.items.filter((item) => !known.has(JSON.stringify(toPlain(item))))
  return list([...left.items, ...fresh], over)
}

/** Both as mappings from names, then merged key by key. */
function asMappings(value: (item: Node) => Node): MergeRule {
  return (base, over, mergeMaps) => {
    const left = asMapping(base, value)
    const right = asMapping(over, value)
    return left === undefined || right === undefined ? undefined : mergeMaps(left, right)
  }
}

function startedDependency(item: Node): Node {
  return map({ condition: text('service_started', item), required: boolean(true, item) }, item)
}

const build: MergeRule = (base, over, mergeMaps) => {
  const left = asBuild(base)
  const right = asBuild(over)
  return left === undefined || right === undefined ? undefined : mergeMaps(left, right)
}

/** Options of another driver mean nothing, so they go. */
const logging: MergeRule = (base, over, mergeMaps) => {
  if (base.kind !== 'map' || over.kind !== 'map') return undefined
  const before = getString(base, 'driver')
  const after = getString(over, 'driver')
  return before === after || before === undefined || after === undefined
    ? mergeMaps(base, over)
    : { ...over, replaces: base }
}

/** Address pools of one subnet merge; others are added. */
const pools: MergeRule = (base, over, mergeMaps) => {
  if (base.kind !== 'list' || over.kind !== 'list') return undefined
  const result = [...base.items]
  for (const item of over.items) {
    const subnet = getString(item, 'subnet')
    const index = result.findIndex((earlier) => getString(earlier, 'subnet') === subnet)
    const earlier = result[index]
    if (earlier?.kind === 'map' && item.kind === 'map') result[index] = mergeMaps(earlier, item)
    else result.push(item)
  }
  return list(result, over)
}

const limit: MergeRule = (base, over) => (isNull(over) ? base : { ...over, replaces: base })

export const MERGE_RULES: Rules<MergeRule> = rules<MergeRule>({
  'networks.*.ipam.config': pools,
  'networks.*.labels': byKey,
  'volumes.*.labels': byKey,
  'services.*.annotations': byKey,
  'services.*.build': build,
  'services.*.build.args': byKey,
  'services.*.build.additional_contexts': byKey,
  'services.*.build.extra_hosts': appendedOnce,
  'services.*.build.labels': byKey,
  'services.*.command': replace,
  'services.*.depends_on': asMappings(startedDependency),
  'services.*.deploy.labels': byKey,
  'services.*.dns': appended,
  'services.*.dns_opt': appended,
  'services.*.dns_search': appended,
  'services.*.entrypoint': replace,
  'services.*.env_file': envFiles,
  'services.*.label_file': appended,
  'services.*.environment': byKey,
  'services.*.extra_hosts': appendedOnce,
  'services.*.healthcheck.test': replace,
  'services.*.labels': byKey,
  'services.*.volumes.*.volume.labels': byKey,
  'services.*.logging': logging,
  'services.*.models': asMappings(nothing),
  'services.*.networks': asMappings(nothing),
  'services.*.sysctls': byKey,
  'services.*.tmpfs': appended,
  'services.*.ulimits.*': limit,
})

/** A lone path is a list of one; a mapping cannot stand alone. */
function envFiles(base: Node, over: Node): Node | undefined {
  if (base.kind === 'map' || over.kind === 'map') return undefined
  return appended(base, over, () => base)
}
