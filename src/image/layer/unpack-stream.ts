/** Archives as layers are packed, or not at all: what only programs unpack is unpacked. */

import { sniffPacking, unpacked } from './decompress.ts'

/** The bytes of `source`, plain when they are packed with xz or bzip2. */
export async function* layerBytes(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const chunks = source[Symbol.asyncIterator]()
  const start: Buffer[] = []
  for (let bytes = 0; bytes < MAGIC_BYTES;) {
    const { value, done } = await chunks.next()
    if (done === true) break
    start.push(value)
    bytes += value.length
  }
  const whole = async function* (): AsyncGenerator<Buffer, void> {
    yield* start
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  const packing = sniffPacking(Buffer.concat(start))
  if (packing !== 'xz' && packing !== 'bzip2') return yield* whole()
  yield* unpacked(whole(), packing)
}

/** As many as tell how it is packed. */
const MAGIC_BYTES = 6
