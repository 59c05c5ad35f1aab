/** The last lines of a log. */

import type { LogBlock } from '../types.ts'

const NEWLINE = 0x0a

interface Kept {
  readonly block: LogBlock
  readonly lines: number
}

/** The last `count` lines of `blocks`: what comes before them is not held in memory. */
export function lastLines(blocks: Iterable<LogBlock>, count: number): readonly LogBlock[] {
  const kept: Kept[] = []
  let [first, held] = [0, 0]
  for (const block of blocks) {
    const lines = countLines(block)
    kept.push({ block: { ...block, bytes: Buffer.from(block.bytes) }, lines })
    held += lines
    while (held - (kept[first]?.lines ?? 0) >= count && first < kept.length) {
      held -= kept[first]?.lines ?? 0
      first += 1
    }
    // Now and then: taking the first away one by one would move all others each time.
    if (first > 1024) first -= kept.splice(0, first).length
  }
  const [oldest, ...rest] = kept.slice(first)
  if (oldest === undefined) return []
  return [withoutLines(oldest.block, held - count), ...rest.map(({ block }) => block)]
}

/** Ends of lines; a rest without one counts when it is the end of its line for now. */
function countLines({ bytes, partial }: LogBlock): number {
  let lines = partial ? 1 : 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1
  return lines
}

function withoutLines(block: LogBlock, count: number): LogBlock {
  let from = 0
  for (let skipped = 0; skipped < count; skipped += 1) {
    from = block.bytes.indexOf(NEWLINE, from) + 1
  }
  return { ...block, bytes: block.bytes.subarray(from) }
}
