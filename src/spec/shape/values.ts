/** Kinds of single values with a grammar of their own: sizes, durations, commands, assignments. */
import { keyValues } from '../merge/forms.ts'
import type { Node } from '../tree/node.ts'
import { scalarText, emptyObject, type Plain } from '../tree/plain.ts'
import { parseBytes } from '../units/bytes.ts'
import { durationText, parseDuration } from '../units/duration.ts'
import { splitWords } from '../units/words.ts'
import { anyText, items, type Kind, mapping, refuse, type ShapeContext } from './kinds.ts'

/** Bytes in decimal; 0 is left out. */
export const bytes: Kind = (node, context) => {
  const value = anyBytes(node, context)
  return value === '0' ? undefined : value
}

/** Bytes in decimal; 0 stays. */
export const anyBytes: Kind = (node, context) => {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  if (node.type === 'int') return String(node.value)
  if (node.type === 'float') return undefined
  const size = parseBytes(scalarText(node))
  return size === undefined
    ? refuse(node, 'a size in bytes, such as 512m or 1.5gb (invalid size)', context)
    : String(size)
}

export const duration: Kind = (node, context) => {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  const value = parseDuration(scalarText(node))
  return value === undefined
    ? refuse(node, 'a duration, such as 1m30s, 500ms or 1h (invalid duration)', context)
    : durationText(value)
}

/** A command in words; `null` when it is not given, `[]` when it is empty. */
export const command: Kind = (node, context) => {
  if (node.kind === 'list') return items(node, anyText, context)
  if (node.kind !== 'scalar' || node.value === null) return null
  const line = scalarText(node)
  const result = splitWords(line)
  if (typeof result === 'string') {
    refuse(node, `words that can be told apart, but ${result}`, context)
    return null
  }
  if (result.dropped !== undefined) warnDropped(node, result.dropped)(context)
  return result.words
}

function warnDropped(node: Node, dropped: string): (context: ShapeContext) => void {
  return ({ report }) => {
    report.warn({
      rule: 'no-shell',
      place: node.place,
      message: `A command is not run by a shell: "${dropped.split('\n', 1)[0] ?? ''}" is left out`,
      hint: `write ["sh", "-c", "…"] to use a shell`,
    })
  }
}

/** A string is run by a shell. */
export const healthTest: Kind = (node, context) => {
  if (node.kind === 'scalar')
    return node.value === null ? undefined : ['CMD-SHELL', scalarText(node)]
  const words = items(node, anyText, context)
  return words.length === 0 ? undefined : words
}

/** `NAME=value` entries or a mapping; a name without value is `null`. */
export const environment: Kind = (node, context) => {
  const map = keyValues(node)
  if (map === undefined) return undefined
  for (const { key, keyPlace } of node.kind === 'list' ? map.entries.values() : []) {
    if (!/\s$/.test(key)) continue
    context.report.error({
      rule: 'invalid-value',
      place: keyPlace,
      message:
        `Cannot use "${key}" as the name of an environment variable: ` +
        'it ends in a blank (trailing space)',
    })
  }
  return mapping(anyText, { nullable: true })(map, context)
}

/** As {@link environment}, but what has no value is left out. */
export const assignedOnly: Kind = (node, context) => {
  const values = environment(node, context)
  if (values === undefined || values === null) return undefined
  const object = emptyObject<Plain>()
  for (const [key, value] of Object.entries(values)) if (value !== null) object[key] = value
  return Object.keys(object).length === 0 ? undefined : object
}

/** Labels and the like: no value is the empty string. */
export const labels: Kind = (node, context) => {
  const map = keyValues(node)
  return map === undefined ? undefined : mapping(anyText)(map, context)
}

/** Driver options: single values as text. */
export const options: Kind = mapping(anyText)

/** Words, and options of their own. */
export const ownOptions: Kind = mapping((node, context) =>
  node.kind === 'map' ? options(node, context) : anyText(node, context),
)

/** `name=address` entries, sorted; brackets of an IPv6 address go. */
export const hosts: Kind = (node, context) => {
  const pairs =
    node.kind === 'map'
      ? [...node.entries.values()].flatMap(({ key, value }) =>
          (value.kind === 'list' ? value.items : [value]).map((item) => ({ key, item })),
        )
      : (node.kind === 'list' ? node.items : []).flatMap((item) => splitHost(item, context))
  const lines = pairs.map(({ key, item }) => hostLine(key, item, context))
  return lines.length === 0 ? undefined : lines.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function splitHost(item: Node, context: ShapeContext): { key: string; item: Node }[] {
  if (item.kind !== 'scalar') return []
  const line = scalarText(item)
  const separator = line.includes('=') ? line.indexOf('=') : line.indexOf(':')
  if (separator === -1) {
    refuse(item, 'the form name=address (missing IP)', context)
    return []
  }
  const key = line.slice(0, separator)
  return line
    .slice(separator + 1)
    .split(',')
    .map((value) => ({ key, item: { ...item, type: 'string' as const, value } }))
}

function hostLine(name: string, item: Node, context: ShapeContext): string {
  if (name === '' || /[:=]/.test(name))
    refuse(item, `a host name before it; "${name}" is none (bad host name)`, context)
  const address = item.kind === 'scalar' ? scalarText(item) : ''
  const inner = /^\[(.+)\]$/.exec(address)?.[1]
  return `${name}=${inner ?? address}`
}

/** Permission bits of a mounted file, in octal text. */
export const octalMode: Kind = (node, context) => {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  if (typeof node.value === 'number') return `0${node.value.toString(8)}`
  const digits = scalarText(node)
  return /^[0-7]+$/.test(digits)
    ? `0${Number.parseInt(digits, 8).toString(8)}`
    : refuse(node, 'an octal number, such as "0440"', context)
}

/** Number of devices; `all` is -1. */
export const deviceCount: Kind = (node, context) => {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  if (typeof node.value === 'number') return node.value || undefined
  const word = scalarText(node)
  if (word.toLowerCase() === 'all') return -1
  return /^[-+]?\d+$/.test(word)
    ? Number(word) || undefined
    : refuse(node, '"all" or a number', context)
}
