/** Puts what says the same together: one mistake in fifty places does not fill the screen. */
import type { Diagnostic } from '../../errors.ts'

export interface Group {
  readonly first: Diagnostic
  /** Further ones that say the same, or the rest of a rule that has too many. */
  readonly others: readonly Diagnostic[]
  /** One line is enough: what its rule is about has been shown already. */
  readonly isBrief: boolean
}

/** So many messages are shown, whatever their rules: of two rules they fill twelve lines. */
const MESSAGES_MAX = 8
/** So many have their line of the file and a caret as well. */
const EXCERPTS_MAX = 4

export function grouped(diagnostics: readonly Diagnostic[]): readonly Group[] {
  const messages = groupedBy(diagnostics, (each) => `${ruleOf(each)} ${each.message}`)
  const shown = messages.length <= MESSAGES_MAX ? messages : groupedBy(diagnostics, ruleOf)
  const seen = new Set<string>()
  return shown.map(([first, ...others]) => {
    const isBrief = shown.length > EXCERPTS_MAX && seen.has(ruleOf(first))
    seen.add(ruleOf(first))
    return { first, others, isBrief }
  })
}

const ruleOf = ({ severity, rule }: Diagnostic): string => `${severity} ${rule}`

type Several = readonly [Diagnostic, ...Diagnostic[]]

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
