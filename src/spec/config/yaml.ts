/**
 * Prints plain values as YAML that any reader, 1.1 or 1.2, takes for the same values. Collections
 * and the text that nearly all values are are written here; the yaml package, which takes many
 * times as long, writes the rest, and decides how all of it looks.
 */
import { Document, visit } from 'yaml'
import type { Plain } from '../tree/plain.ts'
import { resolvePlain } from '../tree/scalar.ts'

/**
 * Strings that some reader takes for something else: `yes`, `<<`, and what begins like a number.
 */
const DOUBTFUL = /^(?:y|n|yes|no|on|off|<<|=|[-+.]?\d.*)$/is

/** Several lines, control characters, half characters: the package knows how to write them. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const ODD = /[\0-\x1f\x7f-\x9f\u{d800}-\u{dfff}]/u

/** What would mean something else without quotes. */
const INDICATED = /^[ ,[\]{}#&*!|>'"%@`]|^[?-](?: |$)|: | #|[ :]$/

/** Longest key that needs no form of its own. */
const KEY_LENGTH_MAX = 1000

type Collection = Extract<Plain, object>

export function yamlText(value: Plain): string {
  return isFilled(value) ? `${collection(value, '')}\n` : wholeText(value)
}

/** By the yaml package alone; what {@link yamlText} is held against. */
export function wholeText(value: Plain): string {
  const document = new Document(value, { version: '1.2', aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'string' && isDoubtful(scalar.value)) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return document.toString({ lineWidth: 0, indentSeq: true, directives: false })
}

function isDoubtful(text: string): boolean {
  return DOUBTFUL.test(text) || resolvePlain(text).type !== 'string'
}

/** A list or mapping that is not empty. */
function isFilled(value: Plain): value is Collection {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length > 0
  return Object.values<Plain | undefined>(value).some((child) => child !== undefined)
}

function isList(value: Collection): value is readonly Plain[] {
  return Array.isArray(value)
}

/** Its first line without `indent`, which is that of the others. */
function collection(value: Collection, indent: string): string {
  const deeper = `${indent}  `
  if (isList(value)) {
    return value
      .map((item) => `-${isFilled(item) ? ` ${collection(item, deeper)}` : single(item, deeper)}`)
      .join(`\n${indent}`)
  }
  return Object.entries<Plain | undefined>(value)
    .flatMap(([key, child]) => (child === undefined ? [] : entry(key, child, indent)))
    .join(`\n${indent}`)
}

function entry(key: string, value: Plain, indent: string): string {
  if (key.length > KEY_LENGTH_MAX || ODD.test(key)) return byPackage({ [key]: value }, indent)
  // At the margin they end the document.
  const isMarker = indent === '' && /^(?:---|\.\.\.)/.test(key)
  const name = isMarker ? quoted(key) : line(key)
  const deeper = `${indent}  `
  return isFilled(value)
    ? `${name}:\n${deeper}${collection(value, deeper)}`
    : `${name}:${single(value, deeper)}`
}

/** A value that takes one line, or has lines of its own at `indent`; with the blank before it. */
function single(value: Plain, indent: string): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? ' []' : ' {}'
  if (isOdd(value)) return byPackage({ k: value }, indent.slice(2)).slice('k:'.length)
  return ` ${typeof value === 'string' ? line(value) : String(value)}`
}

function isOdd(value: Plain): boolean {
  if (typeof value === 'string') return ODD.test(value)
  return typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
}

function byPackage(value: Plain, indent: string): string {
  return wholeText(value)
    .slice(0, -1)
    .replaceAll(/\n(?!\n|$)/g, `\n${indent}`)
}

/** Text on one line, in quotes when it needs them. */
function line(text: string): string {
  if (isDoubtful(text)) return JSON.stringify(text)
  return INDICATED.test(text) ? quoted(text) : text
}

function quoted(text: string): string {
  return text.includes('"') && !text.includes("'") ? `'${text}'` : JSON.stringify(text)
}
