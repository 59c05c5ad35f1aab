/**
 * Puts diagnostics of one kind together, so that one mistake in fifty places does not fill the
 * screen.
 */
import type { Diagnostic } from '../../errors.ts'

export interface Group {
  readonly first: Diagnostic
  /** Further ones of the same rule. */
  readonly others: readonly Diagnostic[]
}

/** So many are shown in full, whatever their kinds. */
const SHOWN_IN_FULL_MAX = 4

export function grouped(diagnostics: readonly Diagnostic[]): readonly Group[] {
  if (diagnostics.length <= SHOWN_IN_FULL_MAX) {
    return diagnostics.map((first) => ({ first, others: [] }))
  }
  const kinds = Map.groupBy(diagnostics, ({ severity, rule }) => `${severity} ${rule}`)
  return [...kinds.values()].flatMap((kind): Group[] => {
    const [first, ...others] = kind
    if (first === undefined) return []
    const placed = others.every(({ line }) => line !== undefined)
    if (kind.length > 1 && placed) return [{ first, others }]
    return kind.map((each) => ({ first: each, others: [] }))
  })
}
