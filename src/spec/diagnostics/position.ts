/** Lines and columns of offsets; both count from 1, columns in UTF-16 units. */
import type { Source } from '../tree/node.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

export function positionOf(source: Source, offset: number): Position {
  const starts = lineStarts(source)
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
}

/** Offsets at which lines begin, found once: a large file may have thousands of findings. */
function lineStarts(source: Source): readonly number[] {
  const known = STARTS.get(source)
  if (known !== undefined) return known
  const starts = [0]
  for (let at = source.text.indexOf('\n'); at !== -1; at = source.text.indexOf('\n', at + 1)) {
    starts.push(at + 1)
  }
  STARTS.set(source, starts)
  return starts
}

const STARTS = new WeakMap<Source, readonly number[]>()
