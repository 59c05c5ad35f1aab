/** Warns of every key and value that has no effect, so that nothing is dropped in silence. */
import type { Report } from '../diagnostics/report.ts'
import { pathText } from '../tree/path.ts'
import { type Entry, get, type MapNode, type Node } from '../tree/node.ts'
import { below, rules, type Rules } from '../tree/rules.ts'
import { type Plain, toPlain } from '../tree/plain.ts'
import { gapOf, type Support } from './support.ts'
import { SUPPORT } from './table.ts'

/** Of keys that may have no effect: nobody walks into the others. */
const RULES: Rules<Support> = rules(
  Object.fromEntries(Object.entries(SUPPORT).filter(([, { status }]) => status !== 'built')),
)

export interface SupportOptions {
  readonly report: Report
  /** Services that count; the others may use what they like. */
  readonly isActive: (service: string) => boolean
}

export function reportUnsupported(tree: MapNode, { report, isActive }: SupportOptions): void {
  for (const entry of tree.entries.values()) {
    if (entry.key !== 'services') visit(entry, RULES, new Walk(report, []))
    else if (entry.value.kind === 'map') {
      const services = below(RULES, 'services')
      for (const service of entry.value.entries.values()) {
        const walk = new Walk(report, ['services'], service.value)
        if (isActive(service.key)) visit(service, services, walk)
      }
    }
  }
}

class Walk {
  readonly report: Report
  readonly path: (string | number)[]
  readonly #service: Node | undefined

  constructor(report: Report, path: (string | number)[], service?: Node) {
    this.report = report
    this.path = path
    this.#service = service
  }

  readonly sibling = (key: string): Plain | undefined => {
    const node = get(this.#service, key)
    return node === undefined ? undefined : toPlain(node)
  }

  get key(): string {
    return String(this.path.at(-1))
  }
}

function visit(entry: Entry, at: Rules<Support> | undefined, walk: Walk): void {
  const next = below(at, entry.key)
  if (next === undefined) return
  walk.path.push(entry.key)
  look(entry.value, next, walk, entry)
  walk.path.pop()
}

/** What is below a key without effect is not looked at. */
function look(node: Node, at: Rules<Support>, walk: Walk, entry?: Entry): void {
  if (at.rule !== undefined && reportGap(node, at.rule, walk, entry)) return
  if (node.kind === 'map') for (const each of node.entries.values()) visit(each, at, walk)
  if (node.kind !== 'list' || at.any === undefined) return
  for (const [index, item] of node.items.entries()) {
    walk.path.push(index)
    look(item, at.any, walk)
    walk.path.pop()
  }
}

/** True when there was something to report. */
function reportGap(node: Node, support: Support, walk: Walk, entry: Entry | undefined): boolean {
  const gap = gapOf(support, toPlain(node), walk)
  if (gap === undefined) return false
  const isRefused = support.status === 'refused'
  const value =
    support.status === 'partly' && node.kind === 'scalar' ? `: ${JSON.stringify(node.value)}` : ''
  const finding = {
    rule: isRefused ? 'refused-key' : 'no-effect',
    place: entry?.keyPlace ?? node.place,
    message: `${pathText(walk.path)}${value} has no effect: ${gap}`,
  }
  if (isRefused) walk.report.error(finding)
  else walk.report.warn(finding)
  return true
}
