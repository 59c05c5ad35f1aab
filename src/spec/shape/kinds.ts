/**
 * How a node of long forms becomes a value of the model. Each kind drops what is empty, as the
 * canonical form does.
 */
import type { Report } from '../diagnostics/report.ts'
import type { Node } from '../tree/node.ts'
import { emptyObject, type Plain, scalarText } from '../tree/plain.ts'
import { pathText } from '../tree/path.ts'
import { nearestFloat32 } from '../units/number.ts'

export interface ShapeContext {
  readonly report: Report
  /** Keys that lead to the node, for messages. */
  readonly path: (string | number)[]
}

/** Undefined: leave the key out. */
export type Kind = (node: Node, context: ShapeContext) => Plain | undefined

export function refuse(node: Node, needed: string, context: ShapeContext): undefined {
  const seen = node.kind === 'scalar' ? `"${scalarText(node)}"` : `a ${node.kind}`
  context.report.error({
    rule: 'invalid-value',
    place: node.place,
    message: `Cannot use ${seen} for ${pathText(context.path)}: it needs ${needed}`,
  })
  return undefined
}

export const text: Kind = (node) => {
  if (node.kind !== 'scalar') return undefined
  const value = scalarText(node)
  return value === '' ? undefined : value
}

/** A string that is kept when it is empty. */
export const anyText: Kind = (node) => (node.kind === 'scalar' ? scalarText(node) : undefined)

function numeric(
  node: Node,
  context: ShapeContext,
  shape: RegExp,
  needed: string,
): number | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  if (typeof node.value === 'number') return node.value
  const value = String(node.value)
  return shape.test(value) ? Number(value) : refuse(node, needed, context)
}

/** A whole number that is kept when it is 0. */
export const anyInteger: Kind = (node, context) => {
  const value = numeric(node, context, /^[-+]?\d+$/, 'a whole number')
  return value === undefined ? undefined : Math.trunc(value)
}

export const integer: Kind = (node, context) => anyInteger(node, context) || undefined

/** A 32-bit float; 0 is left out. */
export const float: Kind = (node, context) => {
  const value = numeric(node, context, /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/, 'a number')
  return value === undefined || value === 0 ? undefined : nearestFloat32(value)
}

/** A boolean that is kept when it is false. */
export const anyFlag: Kind = (node, context) => {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  if (typeof node.value === 'boolean') return node.value
  const word = String(node.value).toLowerCase()
  if (['true', 'y', 'yes', 'on'].includes(word)) return true
  if (['false', 'n', 'no', 'off'].includes(word)) return false
  return refuse(node, 'true or false', context)
}

export const flag: Kind = (node, context) => anyFlag(node, context) === true || undefined

export function struct(keys: Readonly<Record<string, Kind>>, always: readonly string[] = []): Kind {
  const kinds = Object.entries(keys)
  return (node, context) => {
    if (node.kind !== 'map') return undefined
    // Its keys are ours, so that it may have a prototype: V8 is faster with such objects.
    const object: Record<string, Plain> = {}
    for (const [key, kind] of kinds) {
      const entry = node.entries.get(key)
      const value = entry === undefined ? undefined : shaped(key, entry.value, kind, context)
      if (value !== undefined) object[key] = value
      else if (always.includes(key)) object[key] = emptyObject<Plain>()
    }
    return object
  }
}

function shaped(key: string, node: Node, kind: Kind, context: ShapeContext): Plain | undefined {
  context.path.push(key)
  const value = kind(node, context)
  context.path.pop()
  return value
}

/** A list; the empty one is left out. */
export function list(item: Kind): Kind {
  return (node, context) => {
    const values = items(node, item, context)
    return values.length === 0 ? undefined : values
  }
}

export function items(node: Node, item: Kind, context: ShapeContext): Plain[] {
  const nodes =
    node.kind === 'list' ? node.items : node.kind === 'scalar' && node.value !== null ? [node] : []
  const values: Plain[] = []
  for (const [index, child] of nodes.entries()) {
    context.path.push(index)
    const value = item(child, context)
    context.path.pop()
    if (value !== undefined) values.push(value)
  }
  return values
}

export const texts: Kind = list(anyText)

/**
 * A mapping with free keys, sorted; the empty one is left out. `null` values stay when the kind
 * gives none.
 */
export function mapping(
  value: Kind,
  { nullable = false }: { readonly nullable?: boolean } = {},
): Kind {
  return (node, context) => {
    if (node.kind !== 'map' || node.entries.size === 0) return undefined
    const object = emptyObject<Plain>()
    for (const entry of [...node.entries.values()].sort(byKey)) {
      context.path.push(entry.key)
      const isNothing = entry.value.kind === 'scalar' && entry.value.type === 'null'
      const result = nullable && isNothing ? null : value(entry.value, context)
      context.path.pop()
      if (result !== undefined) object[entry.key] = result
    }
    return object
  }
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}
