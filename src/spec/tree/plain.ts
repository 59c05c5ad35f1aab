/** Turns a tree into plain JSON values, and scalars into text as Docker Compose writes them. */
import { decimalText } from '../units/number.ts'
import type { Node, ScalarNode } from './node.ts'

export type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [key: string]: Plain }

/** Plain values of a tree. Objects have no prototype, so a key such as `__proto__` is only a key. */
export function toPlain(node: Node): Plain {
  switch (node.kind) {
    case 'scalar':
      return node.type === 'time' ? timeText(String(node.value)) : node.value
    case 'list':
      return node.items.map(toPlain)
    case 'map': {
      const object = emptyObject<Plain>()
      for (const entry of node.entries.values()) object[entry.key] = toPlain(entry.value)
      return object
    }
    case 'reset':
      return null
  }
}

/** Text of a scalar: numbers in their shortest form (`1e+10` for ten thousand million), null as ''. */
export function scalarText(node: ScalarNode): string {
  if (node.value === null) return ''
  if (node.type === 'int') return String(BigInt(node.value as number))
  if (node.type === 'float') return decimalText(node.value as number)
  return String(node.value)
}

/** A new object without a prototype, so that no key means anything but itself. */
export function emptyObject<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>
}

/** A YAML timestamp in RFC 3339 form; a time without a zone is UTC. */
function timeText(text: string): string {
  const match =
    /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt \t]+(\d\d?):(\d\d?):(\d\d?)(\.\d+)?[ \t]*(Z|[-+]\d\d?(?::?\d\d)?)?)?$/.exec(
      text,
    )
  if (match === null) return text
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', rest = '', zone] =
    match
  const two = (part: string): string => part.padStart(2, '0')
  const date = `${year}-${two(month)}-${two(day)}`
  const fraction = rest.replace(/0+$/, '').replace(/\.$/, '')
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zoneText(zone)}`
}

function zoneText(zone: string | undefined): string {
  if (zone === undefined || zone === 'Z') return 'Z'
  const [, sign = '+', hours = '', minutes = ''] = /^([-+])(\d\d?):?(\d\d)?$/.exec(zone) ?? []
  const text = `${sign}${hours.padStart(2, '0')}:${minutes.padStart(2, '0')}`
  return /^[-+]00:00$/.test(text) ? 'Z' : text
}
