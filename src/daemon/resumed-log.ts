/** The rest of a log for a client that has its beginning. */

import type { LogBlock } from '../engine/index.ts'
import type { LogPoint } from './protocol.ts'

/** `blocks` from the time of `point` on, without what the client has of that very time. */
export async function* afterPoint(
  blocks: AsyncIterable<LogBlock>,
  { time, bytes }: LogPoint,
): AsyncGenerator<LogBlock, void> {
  let known = bytes
  for await (const block of blocks) {
    const skipped = block.time === time ? Math.min(known, block.bytes.length) : 0
    known -= skipped
    if (skipped === 0) yield block
    else if (skipped < block.bytes.length) yield { ...block, bytes: block.bytes.subarray(skipped) }
  }
}
