/** Fills in the variables of a tree: values only, never keys. */
import type { Report } from '../diagnostics/report.ts'
import {
  isString,
  mapEntries,
  mapItems,
  type Node,
  type Place,
  type ScalarNode,
} from '../tree/node.ts'
import { pathText } from '../tree/path.ts'
import { below, type Rules } from '../tree/rules.ts'
import { type Cast, CASTS, isOldBoolean } from './casts.ts'
import { type Lookup, substitute, TemplateError } from './template.ts'

export interface InterpolateOptions {
  readonly lookup: Lookup
  readonly report: Report
}

export function interpolate(tree: Node, options: InterpolateOptions): Node {
  return walk(tree, { ...options, path: [] }, CASTS)
}

interface Walk extends InterpolateOptions {
  readonly path: (string | number)[]
}

function walk(node: Node, context: Walk, casts: Rules<Cast> | undefined): Node {
  if (node.kind === 'map') {
    return mapEntries(node, ({ key, value }) => step(key, value, context, below(casts, key)))
  }
  if (node.kind === 'list') {
    return mapItems(node, (item, index) => step(index, item, context, casts?.any))
  }
  return isString(node) ? fillIn(node, node.value, context, casts?.rule) : node
}

function step(
  key: string | number,
  value: Node,
  context: Walk,
  casts: Rules<Cast> | undefined,
): Node {
  context.path.push(key)
  const result = walk(value, context, casts)
  context.path.pop()
  return result
}

function fillIn(node: ScalarNode, template: string, context: Walk, cast: Cast | undefined): Node {
  if (cast === undefined && !template.includes('$')) return node
  const filled = substituteOrReport(node, template, context)
  if (filled === undefined) return node
  const changed = filled === template ? {} : { template }
  if (cast === undefined) return { ...node, value: filled, ...changed }
  const value = cast.to(filled, node)
  if (value === undefined) {
    context.report.error({
      rule: 'invalid-value',
      place: node.place,
      message: `Cannot use "${filled}" for ${pathText(context.path)}: it needs ${cast.expected}`,
    })
    return node
  }
  if (typeof value === 'object' && value.kind === 'scalar' && value.type === 'bool') {
    warnOldBoolean(filled, node.place, context)
  }
  return { ...value, ...changed }
}

function warnOldBoolean(text: string, place: Place, { report, path }: Walk): void {
  if (!isOldBoolean(text)) return
  const better = /^(?:y|yes|on)$/i.test(text) ? 'true' : 'false'
  report.warn({
    rule: 'old-boolean',
    place,
    message: `"${text}" is no YAML 1.2 boolean for ${pathText(path)}; write ${better}`,
  })
}

function substituteOrReport(
  node: ScalarNode,
  template: string,
  { lookup, report, path }: Walk,
): string | undefined {
  const unset = (name: string): void => {
    report.warn({
      rule: 'unset-variable',
      place: node.place,
      once: name,
      message: `The variable "${name}" is not set; it counts as empty`,
      hint: `set it, or write \${${name}:-default}`,
    })
  }
  try {
    return substitute(template, lookup, { unset })
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    report.error({
      rule: error.kind === 'required' ? 'required-variable' : 'interpolation',
      place: node.place,
      message: `Cannot fill in ${pathText(path)}: ${error.message}`,
    })
    return undefined
  }
}
