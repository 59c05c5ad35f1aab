/** The known name that a mistyped one most likely meant. */

import { compareNames } from './order.ts'

/** The nearest of `known` within a third of its length in edits, or undefined. */
export function didYouMean(typed: string, known: Iterable<string>): string | undefined {
  const near = [...known]
    .map((name) => ({ name, edits: editDistance(typed, name) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.edits - b.edits || compareNames(a.name, b.name))
  return near[0]?.name
}

/**
 * Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
 */
function editDistance(from: string, to: string): number {
  const columns = to.length + 1
  let before: number[] = []
  let row = Array.from({ length: columns }, (_, column) => column)
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line]
    for (let column = 1; column < columns; column += 1) {
      const same = from[line - 1] === to[column - 1]
      const swapped = from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1]
      next.push(
        Math.min(
          (next[column - 1] ?? 0) + 1,
          (row[column] ?? 0) + 1,
          (row[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[column - 2] ?? 0) + 1 : Infinity,
        ),
      )
    }
    before = row
    row = next
  }
  return row[columns - 1] ?? 0
}
