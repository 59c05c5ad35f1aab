/** Blocks of a log line by line, as tests want to name them. */
import type { LogBlock } from '../../src/engine/index.ts'

/** One line without its newline, or a part of one (`partial`). */
export type LogLine = LogBlock

export function linesOf(block: LogBlock): readonly LogLine[] {
  const lines: LogLine[] = []
  const bytes = Buffer.from(block.bytes)
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf('\n', from)
    const to = end < 0 ? bytes.length : end
    lines.push({ ...block, bytes: bytes.subarray(from, to), partial: end < 0 && block.partial })
    from = to + 1
  }
  return lines
}
