/** Holds a tree against the input schema; every violation becomes a diagnostic at its place. */
import type { core } from 'zod'
import type { Report } from '../diagnostics/report.ts'
import { didYouMean } from '../diagnostics/suggest.ts'
import { pathText } from '../tree/path.ts'
import { locate, nodeAt } from '../tree/locate.ts'
import type { MapNode, Node } from '../tree/node.ts'
import { prune } from '../tree/prune.ts'
import { checkable, written } from './checkable.ts'
import { knownKeys } from './keys.ts'
import { stackSchema } from './stack.ts'

export type Path = readonly (string | number)[]
type Issue = core.$ZodIssue

/**
 * The tree may still have short forms, but its variables are filled in. Returns it without what is
 * wrong; the paths of that are added to `wrong`.
 */
export function validate(tree: MapNode, report: Report, wrong: Path[]): MapNode {
  if (stackSchema.fits(tree)) return tree
  const result = stackSchema.zod.safeParse(checkable(tree))
  if (result.success) return tree
  const found: Path[] = []
  for (const issue of result.error.issues) {
    reportIssue(issue, [], { tree, report, wrong: found })
  }
  wrong.push(...found)
  return prune(tree, found)
}

interface Context {
  readonly tree: Node
  readonly report: Report
  readonly wrong: Path[]
}

function reportIssue(issue: Issue, prefix: Path, context: Context): void {
  const path = [...prefix, ...(issue.path as Path).map(written)]
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      if (!key.startsWith('x-')) reportUnknownKey(String(written(key)), path, context)
    }
  } else if (issue.code === 'invalid_union') reportUnion(issue, path, context)
  else if (issue.code === 'invalid_key') reportName(path, context)
  else reportValue(path, expectation(issue), context)
}

function reportUnknownKey(key: string, path: Path, { tree, report, wrong }: Context): void {
  wrong.push([...path, key])
  const where = path.length === 0 ? 'at the top level' : `in ${pathText(path)}`
  report.error({
    rule: 'unknown-key',
    place: locate(tree, [...path, key], 'key'),
    message: `Cannot use the key "${key}" ${where}: there is no such key here`,
    hint: didYouMean(key, knownKeys(path)),
  })
}

function reportName(path: Path, { tree, report, wrong }: Context): void {
  wrong.push(path)
  const name = String(path.at(-1))
  // Of the keys with a pattern the only ones that are not names of the author's.
  const isLimit = path.at(-2) === 'ulimits'
  report.error({
    rule: 'invalid-name',
    place: locate(tree, path, 'key'),
    message:
      `Cannot use "${name}" as a name in ${pathText(path.slice(0, -1))}: ` +
      (isLimit
        ? 'it needs lower-case letters only, as in "nofile"'
        : 'it needs letters, digits, ".", "_" and "-" only'),
  })
}

/**
 * Of the alternatives, the one whose kind fits is what the author meant; its issues are the ones to
 * show.
 */
function reportUnion(issue: core.$ZodIssueInvalidUnion, path: Path, context: Context): void {
  const branches = issue.errors.map((issues) => issues.filter((inner) => !isExtension(inner)))
  if (branches.some((issues) => issues.length === 0)) return
  const fitting = branches.filter((issues) => !issues.some(isWrongKind))
  const [meant] = fitting.length > 0 ? fitting : branches.length === 1 ? branches : []
  if (meant !== undefined) {
    for (const inner of meant) reportIssue(inner, path, context)
    return
  }
  reportValue(path, alternatives(branches), context)
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

function reportValue(path: Path, expected: string, { tree, report, wrong }: Context): void {
  const node = nodeAt(tree, path)
  wrong.push(node === undefined ? path.slice(0, -1) : path)
  const parent = pathText(path.slice(0, -1))
  const missing = `Cannot use ${parent}: the key "${String(path.at(-1))}" is missing`
  report.error({
    rule: 'invalid-value',
    place: locate(tree, path, 'value'),
    message:
      node === undefined
        ? missing
        : `Cannot use ${describe(node)} for ${pathText(path)}: it needs to be ${expected}`,
  })
}

function expectation(issue: Issue): string {
  return (
    EXPECTATIONS.map((expect) => expect(issue)).find((text) => text !== undefined) ?? issue.message
  )
}

/** What an issue's kind asks for; each answers for its own kind. */
const EXPECTATIONS: readonly ((issue: Issue) => string | undefined)[] = [
  (issue) =>
    issue.code === 'invalid_type' ? (KINDS[issue.expected] ?? issue.expected) : undefined,
  (issue) =>
    issue.code === 'invalid_value'
      ? `one of ${issue.values.map((value) => `"${String(value)}"`).join(', ')}`
      : undefined,
  (issue) =>
    issue.code === 'too_small' ? `greater than or equal to ${String(issue.minimum)}` : undefined,
  (issue) =>
    issue.code === 'too_big' ? `less than or equal to ${String(issue.maximum)}` : undefined,
  (issue) =>
    issue.code === 'invalid_format' ? `of the form ${issue.pattern ?? issue.format}` : undefined,
  (issue) => (issue.code === 'invalid_union' ? alternatives(issue.errors) : undefined),
]

/** `a string or a list`. */
function alternatives(branches: readonly (readonly Issue[])[]): string {
  return [...new Set(branches.flatMap((issues) => issues.slice(0, 1).map(expectation)))].join(
    ' or ',
  )
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

const TYPES: Readonly<Record<string, string>> = {
  int: 'the number ',
  float: 'the number ',
  bool: 'the boolean ',
  time: 'the date ',
}

function describe(node: Node): string {
  if (node.kind === 'map') return 'a mapping'
  if (node.kind === 'list') return 'a list'
  if (node.kind === 'reset' || node.type === 'null') return 'nothing'
  return node.type === 'string'
    ? `"${String(node.value)}"`
    : `${TYPES[node.type] ?? ''}${String(node.value)}`
}
