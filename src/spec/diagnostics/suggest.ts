/** Did-you-mean: the known word nearest to a mistyped one. */

/** The nearest candidate when it is near enough to be what was meant. */
function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const lower = word.toLowerCase().replaceAll('-', '_')
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const other = candidate.toLowerCase().replaceAll('-', '_')
    if (Math.abs(other.length - lower.length) >= bestDistance) continue
    const distance = other === lower ? 0 : editDistance(lower, other)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `did you mean "x"?`, or undefined. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const candidate = suggest(word, candidates)
  return candidate === undefined ? undefined : `did you mean "${candidate}"?`
}

/** Insertions, deletions, changes and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const costs = [
        cost(previous, j) + 1,
        cost(current, j - 1) + 1,
        cost(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        isSwap ? cost(before, j - 2) + 1 : Infinity,
      ]
      current.push(Math.min(...costs))
    }
    before = previous
    previous = current
  }
  return cost(previous, b.length)
}

function cost(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
