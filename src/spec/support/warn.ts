/** Warns of every key that has no effect, so that nothing is dropped in silence. */
import type { Report } from '../diagnostics/report.ts'
import { pathText } from '../tree/path.ts'
import type { Entry, MapNode, Node } from '../tree/node.ts'
import { below, rules, type Rules } from '../tree/rules.ts'
import { toPlain } from '../tree/plain.ts'
import { HARMLESS, SUPPORT, type Support } from './table.ts'

interface Rule {
  readonly support: Support
  readonly harmless: readonly unknown[]
}

const RULES: Rules<Rule> = rules<Rule>(
  Object.fromEntries(
    Object.entries(SUPPORT).map(([path, support]) => [
      path,
      { support, harmless: HARMLESS[path] ?? [] },
    ]),
  ),
)

export interface SupportOptions {
  readonly report: Report
  /** Services that count; the others may use what they like. */
  readonly isActive: (service: string) => boolean
}

export function reportUnsupported(tree: MapNode, { report, isActive }: SupportOptions): void {
  for (const entry of tree.entries.values()) {
    if (entry.key !== 'services') visit(entry, RULES, { report, path: [] })
    else if (entry.value.kind === 'map') {
      const services = below(RULES, 'services')
      for (const service of entry.value.entries.values()) {
        if (isActive(service.key)) visit(service, services, { report, path: ['services'] })
      }
    }
  }
}

interface Walk {
  readonly report: Report
  readonly path: (string | number)[]
}

function visit(entry: Entry, at: Rules<Rule> | undefined, walk: Walk): void {
  const next = below(at, entry.key)
  if (next === undefined) return
  walk.path.push(entry.key)
  if (next.rule === undefined || !reportKey(entry, next.rule, walk))
    descend(entry.value, next, walk)
  walk.path.pop()
}

function descend(node: Node, at: Rules<Rule>, walk: Walk): void {
  if (node.kind === 'map') for (const entry of node.entries.values()) visit(entry, at, walk)
  if (node.kind !== 'list' || at.any === undefined) return
  for (const [index, item] of node.items.entries()) {
    walk.path.push(index)
    descend(item, at.any, walk)
    walk.path.pop()
  }
}

/** True when the key was reported. */
function reportKey(entry: Entry, { support, harmless }: Rule, { report, path }: Walk): boolean {
  if (support.status === 'built' || isNothing(entry.value, harmless)) return false
  const finding = {
    rule: support.status === 'refused' ? 'refused-key' : 'no-effect',
    place: entry.keyPlace,
    message: `${pathText(path)} has no effect: ${support.reason}`,
  }
  if (support.status === 'refused') report.error(finding)
  else report.warn(finding)
  return true
}

function isNothing(node: Node, harmless: readonly unknown[]): boolean {
  if (node.kind === 'list') return node.items.length === 0
  if (node.kind === 'map') return node.entries.size === 0
  const value = toPlain(node)
  return value === null || value === '' || harmless.includes(value)
}
