/** Prints plain values as YAML that any YAML 1.1 or 1.2 reader takes for the same values. */
import { resolvePlain } from '../tree/scalar.ts'
import type { Plain } from '../tree/plain.ts'

/** Words of YAML 1.1 that older readers take for something else than a string. */
const OLD_WORDS = /^(?:y|n|yes|no|on|off|<<|=)$/i
/** Safe without quotes: no indicator, no `: `, no ` #`, no blank at either end. */
const PLAIN = /^[A-Za-z0-9_./$+\\(][^\n\t\r#:,[\]{}"'`|>%@&*!?]*(?:[:#][^\s#:,[\]{}"'`|>%@&*!?]+)*$/

export function yamlText(value: Plain): string {
  if (isLeaf(value)) return `${leaf(value)}\n`
  return block(value, '')
}

type Branch = readonly Plain[] | { readonly [key: string]: Plain }
type Leaf = null | boolean | number | string

function isLeaf(value: Plain): value is null | boolean | number | string {
  return value === null || typeof value !== 'object' || size(value) === 0
}

function size(value: object): number {
  return Array.isArray(value) ? value.length : Object.keys(value).length
}

function block(value: Branch, indent: string): string {
  if (Array.isArray(value)) {
    return (value as readonly Plain[])
      .map((item) => `${indent}- ${itemText(item, indent)}`)
      .join('')
  }
  return Object.entries(value)
    .map(([key, child]) => `${indent}${scalar(key)}:${childText(child, indent)}`)
    .join('')
}

/** The first line of a nested block stands on the dash's line. */
function itemText(item: Plain, indent: string): string {
  if (isLeaf(item)) return `${leaf(item, `${indent}  `)}\n`
  return block(item as Branch, `${indent}  `).slice(indent.length + 2)
}

function childText(child: Plain, indent: string): string {
  if (child === null) return ' null\n'
  if (isLeaf(child)) return ` ${leaf(child, `${indent}  `)}\n`
  return `\n${block(child as Branch, Array.isArray(child) ? `${indent}  ` : `${indent}  `)}`
}

function leaf(value: Plain, indent = ''): string {
  if (value === null) return 'null'
  if (typeof value === 'string')
    return value.includes('\n') ? multiline(value, indent) : scalar(value)
  if (typeof value === 'object') return Array.isArray(value) ? '[]' : '{}'
  return String(value)
}

function scalar(text: string): string {
  const isPlain =
    PLAIN.test(text) &&
    !/\s$/.test(text) &&
    resolvePlain(text).type === 'string' &&
    !OLD_WORDS.test(text) &&
    !/^[-+.]?\d[\d_:.]*$/.test(text)
  return isPlain ? text : JSON.stringify(text)
}

/** A literal block when every line survives it, else a quoted string. */
function multiline(text: string, indent: string): string {
  const printable = !/[^\n\t -~\u00a0-\ud7ff\ue000-\ufffd]/.test(text)
  if (!printable || /^\s/.test(text) || /[ \t]\n/.test(text) || indent === '')
    return JSON.stringify(text)
  const ending = /\n*$/.exec(text)?.[0].length ?? 0
  const body = ending === 0 ? text : text.slice(0, -ending)
  if (body === '' || /\s$/.test(body)) return JSON.stringify(text)
  const mark = ending === 0 ? '|-' : ending === 1 ? '|' : '|+'
  const lines = body.split('\n').map((line) => (line === '' ? '' : `${indent}${line}`))
  return `${mark}\n${lines.join('\n')}${'\n'.repeat(Math.max(0, ending - 1))}`
}
