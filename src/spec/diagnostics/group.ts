/**
 * How much of each finding is shown: all on a screen, every message on it, and what says the same
 * put together, so that one mistake in fifty places does not fill it.
 */
import type { Diagnostic } from '../../errors.ts'

export interface Group {
  readonly first: Diagnostic
  /** Further ones that say the same, or the rest of a rule that has too many. */
  readonly others: readonly Diagnostic[]
  /** One line, without its line of the file. */
  readonly isBrief: boolean
}

/** Beside errors: with the closing line of the command line a dozen. */
const LINES_MAX = 11
const WARNING_LINES_MAX = 30
/** The line of the file, and the caret below it. */
const EXCERPT_LINES = 2

export function grouped(diagnostics: readonly Diagnostic[]): readonly Group[] {
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  const warnings = diagnostics.filter(({ severity }) => severity !== 'error')
  if (errors.length === 0) return within(WARNING_LINES_MAX, warnings)
  if (warnings.length === 0) return within(LINES_MAX, errors)
  // What stops the stack comes first; the warnings get a line at least.
  const shown = within(LINES_MAX - 1, errors)
  const left = LINES_MAX - shown.reduce((lines, group) => lines + linesOf(group), 0)
  return [...shown, ...beside(errors.length, warnings, left)]
}

/** Warnings in one line each, or the first of each rule, or how many there are. */
function beside(
  errorCount: number,
  warnings: readonly Diagnostic[],
  linesMax: number,
): readonly Group[] {
  const brief = within(linesMax, warnings).map((group) => ({ ...group, isBrief: true }))
  const lines = brief.reduce((sum, group) => sum + linesOf(group), 0)
  if (lines <= linesMax) return brief
  const where = errorCount === 1 ? 'the error' : 'the errors'
  const message =
    `${warnings.length} warnings are not shown beside ${where}; ` +
    '"tsstack config --diagnostics json" has all of them'
  return [{ first: { severity: 'warning', rule: 'more', message }, others: [], isBrief: true }]
}

function linesOf({ first, others, isBrief }: Group): number {
  const excerpt = isBrief ? 0 : EXCERPT_LINES + (first.related?.length ?? 0)
  return 1 + excerpt + (others.length > 0 ? 1 : 0)
}

/** Every message while a line for each fits, else one of each rule; excerpts with what is left. */
function within(linesMax: number, diagnostics: readonly Diagnostic[]): readonly Group[] {
  const messages = groupedBy(diagnostics, (each) => `${each.rule} ${each.message}`)
  const groups = heads(messages) <= linesMax ? messages : groupedBy(diagnostics, (e) => e.rule)
  let left = linesMax - heads(groups)
  const excerpts = new Set<Several>()
  for (const group of firstOfRulesFirst(groups)) {
    const lines = EXCERPT_LINES + (group[0].related?.length ?? 0)
    if (lines > left && groups.length > 1) continue
    left -= lines
    excerpts.add(group)
  }
  return groups.map((group) => {
    const [first, ...others] = group
    return { first, others, isBrief: !excerpts.has(group) }
  })
}

type Several = readonly [Diagnostic, ...Diagnostic[]]

/** Lines without excerpts. */
function heads(groups: readonly Several[]): number {
  return groups.reduce((lines, { length }) => lines + (length > 1 ? 2 : 1), 0)
}

/** What a rule is about needs to be seen once. */
function firstOfRulesFirst(groups: readonly Several[]): readonly Several[] {
  const firsts = new Map(groups.toReversed().map((group) => [group[0].rule, group]))
  const isFirst = (group: Several): boolean => firsts.get(group[0].rule) === group
  return [...groups.filter(isFirst), ...groups.filter((group) => !isFirst(group))]
}

function groupedBy(
  diagnostics: readonly Diagnostic[],
  keyOf: (diagnostic: Diagnostic) => string,
): readonly Several[] {
  return [...Map.groupBy(diagnostics, keyOf).values()].flatMap((same): readonly Several[] => {
    const [first, ...others] = same
    if (first === undefined) return []
    // What is about no place in particular cannot be listed by its place.
    const arePlaced = others.every(({ line }) => line !== undefined)
    return arePlaced ? [[first, ...others]] : same.map((each) => [each])
  })
}
