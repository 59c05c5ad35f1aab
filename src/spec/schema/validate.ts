/** Holds a tree against the input schema; every violation becomes a diagnostic at its place. */
import type { core } from 'zod'
import type { Report } from '../diagnostics/report.ts'
import { didYouMean } from '../diagnostics/suggest.ts'
import { pathText } from '../tree/path.ts'
import { locate } from '../tree/locate.ts'
import type { Node } from '../tree/node.ts'
import { emptyObject } from '../tree/plain.ts'
import { knownKeys } from './keys.ts'
import { stackSchema } from './stack.ts'

type Path = readonly (string | number)[]
type Issue = core.$ZodIssue

/** The tree may still have short forms, but its variables are filled in. */
export function validate(tree: Node, report: Report): void {
  const result = stackSchema.safeParse(checkable(tree))
  if (result.success) return
  for (const issue of result.error.issues) reportIssue(issue, [], { tree, report })
}

/** Plain values as the schema is to see them: a date is nothing it knows, and every number is in range. */
function checkable(node: Node): unknown {
  switch (node.kind) {
    case 'map': {
      const object = emptyObject<unknown>()
      for (const { key, value } of node.entries.values()) object[key] = checkable(value)
      return object
    }
    case 'list':
      return node.items.map(checkable)
    case 'reset':
      return null
    case 'scalar':
      if (node.type === 'time') return DATE
      if (node.type === 'float' && !Number.isFinite(node.value)) return 0.5
      if (node.type === 'int' && !Number.isSafeInteger(node.value)) return Number.MAX_SAFE_INTEGER
      return node.value
  }
}

const DATE = Symbol('date')

interface Context {
  readonly tree: Node
  readonly report: Report
}

function reportIssue(issue: Issue, prefix: Path, context: Context): void {
  const path = [...prefix, ...(issue.path as Path)]
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) if (!key.startsWith('x-')) reportUnknownKey(key, path, context)
      return
    case 'invalid_union':
      reportUnion(issue, path, context)
      return
    case 'invalid_key':
      reportName(path, context)
      return
    default:
      reportValue(path, expectation(issue), context)
  }
}

function reportUnknownKey(key: string, path: Path, { tree, report }: Context): void {
  report.error({
    rule: 'unknown-key',
    place: locate(tree, [...path, key], 'key'),
    message: `Cannot use the key "${key}"${path.length === 0 ? ' at the top level' : ` in ${pathText(path)}`}: additional properties are not allowed, and Compose has no such key here`,
    hint: didYouMean(key, knownKeys(path)),
  })
}

function reportName(path: Path, { tree, report }: Context): void {
  const name = String(path.at(-1))
  report.error({
    rule: 'invalid-name',
    place: locate(tree, path, 'key'),
    message: `Cannot use "${name}" as a name in ${pathText(path.slice(0, -1))}: it needs letters, digits, ".", "_" and "-" only`,
  })
}

/** Of the alternatives, the one whose kind fits is what the author meant; its issues are the ones to show. */
function reportUnion(issue: core.$ZodIssueInvalidUnion, path: Path, context: Context): void {
  const branches = issue.errors.map((issues) => issues.filter((inner) => !isExtension(inner)))
  if (branches.some((issues) => issues.length === 0)) return
  const fitting = branches.filter((issues) => !issues.some(isWrongKind))
  const [meant] = fitting.length > 0 ? fitting : branches.length === 1 ? branches : []
  if (meant !== undefined) {
    for (const inner of meant) reportIssue(inner, path, context)
    return
  }
  const expected = [...new Set(branches.flatMap((issues) => issues.slice(0, 1).map(expectation)))]
  reportValue(path, expected.join(' or '), context)
}

function isExtension(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys' && issue.keys.every((key) => key.startsWith('x-'))
}

/** The value itself, not something inside it, is of another kind. */
function isWrongKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_type') return true
  return issue.code === 'invalid_union' && issue.errors.every((issues) => issues.some(isWrongKind))
}

function reportValue(path: Path, expected: string, { tree, report }: Context): void {
  const missing = expected === ''
  const seen = missing ? '' : describe(tree, path)
  report.error({
    rule: 'invalid-value',
    place: locate(tree, path, 'value'),
    message:
      seen === 'nothing there'
        ? `Cannot use ${pathText(path.slice(0, -1))}: the key "${String(path.at(-1))}" is missing`
        : `Cannot use ${seen} for ${pathText(path)}: it needs to be ${expected}`,
  })
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected
    case 'invalid_value':
      return issue.values.map((value) => `"${String(value)}"`).join(', ')
    case 'too_small':
      return `greater than or equal to ${String(issue.minimum)}`
    case 'too_big':
      return `less than or equal to ${String(issue.maximum)}`
    case 'invalid_format':
      return `of the form ${issue.pattern ?? issue.format}`
    case 'invalid_union':
      return [
        ...new Set(issue.errors.flatMap((issues) => issues.slice(0, 1).map(expectation))),
      ].join(' or ')
    case 'custom':
      return issue.message === 'it is in the list already'
        ? 'unique: it is in the list already'
        : issue.message
    default:
      return issue.message
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

function describe(tree: Node, path: Path): string {
  let node: Node | undefined = tree
  for (const part of path) {
    if (node?.kind === 'map') node = node.entries.get(String(part))?.value
    else if (node?.kind === 'list') node = node.items[Number(part)]
    else node = undefined
  }
  if (node === undefined) return 'nothing there'
  if (node.kind === 'map') return 'a mapping'
  if (node.kind === 'list') return 'a list'
  if (node.kind === 'reset' || node.type === 'null') return 'nothing'
  if (node.type === 'time') return `the date ${String(node.value)}`
  return node.type === 'string'
    ? `"${String(node.value)}"`
    : `the ${TYPES[node.type] ?? ''} ${String(node.value)}`
}

const TYPES: Readonly<Record<string, string>> = { int: 'number', float: 'number', bool: 'boolean' }
