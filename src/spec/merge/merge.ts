/** Merges the tree of a later file, or of an extending service, over an earlier one. */
import type { Report } from '../diagnostics/report.ts'
import { pathText } from '../tree/path.ts'
import {
  type Entry,
  isNull,
  type ListNode,
  type MapNode,
  type Node,
  type ResetNode,
} from '../tree/node.ts'
import { below, type Rules } from '../tree/rules.ts'
import { MERGE_RULES, type MergeRule } from './rules.ts'

interface MergeContext {
  readonly report: Report
  readonly path: (string | number)[]
}

/**
 * `base` with `over` on top: mappings merge, lists append, other values are replaced, but for
 * {@link MERGE_RULES}. Marks of `!reset` and `!override` stay in the result, so that they work on
 * the files before it too.
 */
export function mergeTrees(base: Node, over: Node, report: Report): Node {
  return mergeNodes(base, over, MERGE_RULES, { report, path: [] })
}

/** The same for two definitions of one service. */
export function mergeServices(base: Node, over: Node, report: Report, name: string): Node {
  const rules = below(below(MERGE_RULES, 'services'), name)
  return mergeNodes(base, over, rules, { report, path: ['services', name] })
}

function mergeNodes(
  base: Node,
  over: Node,
  rules: Rules<MergeRule> | undefined,
  context: MergeContext,
): Node {
  if (over.kind === 'reset' || base.kind === 'reset') return over
  if (over.override === true) return replacing(base, over, context)
  const byRule = (left: MapNode, right: MapNode): Node => mergeMaps(left, right, rules, context)
  return rules?.rule?.(base, over, byRule) ?? mergeKinds(base, over, rules, context)
}

/**
 * The general rule: mappings merge, lists append, single values are replaced; null changes nothing.
 */
function mergeKinds(
  base: Exclude<Node, ResetNode>,
  over: Exclude<Node, ResetNode>,
  rules: Rules<MergeRule> | undefined,
  context: MergeContext,
): Node {
  if (isNull(over)) return base
  if (base.kind === 'map' && over.kind === 'map') return mergeMaps(base, over, rules, context)
  if (base.kind === 'list' && over.kind === 'list') return append(base, over)
  if (base.kind === 'scalar') return replacing(base, over, context)
  context.report.error({
    rule: 'merge',
    place: over.place,
    message:
      `Cannot merge ${kindText(over)} into ${kindText(base)} at ${pathText(context.path)} ` +
      '(cannot override); write both the same way, or use !override',
  })
  return base
}

function replacing(base: Node, over: Node, { report }: MergeContext): Node {
  report.replaced(over.place, base.place)
  return { ...over, replaces: base }
}

function append(base: ListNode, over: ListNode): ListNode {
  return { kind: 'list', items: [...base.items, ...over.items], place: over.place }
}

function mergeMaps(
  base: MapNode,
  over: MapNode,
  rules: Rules<MergeRule> | undefined,
  context: MergeContext,
): MapNode {
  const entries = new Map<string, Entry>(base.entries)
  for (const entry of over.entries.values()) {
    const earlier = base.entries.get(entry.key)
    if (earlier === undefined) {
      entries.set(entry.key, entry)
      continue
    }
    context.path.push(entry.key)
    const value = mergeNodes(earlier.value, entry.value, below(rules, entry.key), context)
    context.path.pop()
    const keyPlace = value === earlier.value ? earlier.keyPlace : entry.keyPlace
    if (value.replaces === earlier.value) {
      context.report.replaced(entry.keyPlace, earlier.keyPlace)
    }
    entries.set(entry.key, { key: entry.key, keyPlace, value })
  }
  return { kind: 'map', entries, place: base.place }
}

function kindText(node: Node): string {
  if (node.kind === 'map') return 'a mapping'
  return node.kind === 'list' ? 'a list' : 'a single value'
}
