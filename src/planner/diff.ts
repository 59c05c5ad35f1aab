/** The difference between two canonical specs, field by field. */

import type { FieldChange } from './model.ts'
import { compareNames, sortedNames } from './order.ts'

/**
 * Fields of `after` that differ from `before`, sorted by path: `environment.PORT`,
 * `mounts[/data].readOnly`, `command`. The order of keys does not count, and absent equals
 * undefined. A list of plain values is one field. A list of objects is matched by what identifies
 * its members (a mount's target, a port's number), so that one more port is one change, whatever
 * its place.
 */
export function diffSpec(before: object, after: object): readonly FieldChange[] {
  return diffValues('', before, after).toSorted((a, b) => compareNames(a.path, b.path))
}

function diffValues(path: string, before: unknown, after: unknown): readonly FieldChange[] {
  if (before === after) return []
  if (isRecord(before) && isRecord(after)) return diffMembers(path, before, after)
  if (isObjectList(before) && isObjectList(after)) {
    return diffMembers(path, byIdentity(before), byIdentity(after), bracketed)
  }
  if (isDeepEqual(before, after)) return []
  return [{ path, before, after }]
}

function diffMembers(
  path: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  join: (path: string, key: string) => string = joined,
): readonly FieldChange[] {
  const keys = sortedNames(new Set([...Object.keys(before), ...Object.keys(after)]))
  return keys.flatMap((key) => diffValues(join(path, key), member(before, key), member(after, key)))
}

/** Own members only: an environment may well have a variable named `constructor`. */
function member(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

function joined(path: string, key: string): string {
  if (!/^[\w-]+$/u.test(key)) return bracketed(path, JSON.stringify(key))
  return path === '' ? key : `${path}.${key}`
}

function bracketed(path: string, key: string): string {
  return `${path}[${key}]`
}

/** List members by name; a repeated identity gets its place appended, so that nothing is lost. */
function byIdentity(list: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const entries = new Map<string, unknown>()
  for (const [place, item] of list.entries()) {
    const name = identity(item) ?? String(place)
    entries.set(entries.has(name) ? `${name}#${place}` : name, item)
  }
  return Object.fromEntries(entries)
}

/**
 * A port is known by target and protocol, a mount by target, an attachment by network, a host by
 * name.
 */
function identity(item: Readonly<Record<string, unknown>>): string | undefined {
  const { target, protocol, network, name, subnet } = item
  if (target !== undefined && protocol !== undefined) return portIdentity(item)
  const known = target ?? network ?? name ?? subnet
  return typeof known === 'string' ? known : undefined
}

function portIdentity(port: Readonly<Record<string, unknown>>): string {
  return `${String(port['target'])}/${String(port['protocol'])}`
}

function isDeepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, at) => isDeepEqual(item, right[at]))
  }
  if (isRecord(left) && isRecord(right)) return diffMembers('', left, right).length === 0
  return false
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An empty list counts, so that the first mount of a container is shown as that mount. */
function isObjectList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.every(isRecord)
}
