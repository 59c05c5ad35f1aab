/** Several streams that are each in the order of time, as one. */

export interface Merged<T> {
  /** Which of the streams `value` came from. */
  readonly from: number
  readonly value: T
}

/**
 * The values of all `streams` in the order of `timeOf`; of equal times, the earlier stream's first.
 */
export async function* mergeByTime<T>(
  streams: readonly AsyncIterable<T>[],
  timeOf: (value: T) => number,
): AsyncGenerator<Merged<T>, void> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()))
    for (;;) {
      const from = earliest(heads, timeOf)
      const head = heads[from]
      const iterator = iterators[from]
      if (head === undefined || head.done === true || iterator === undefined) return
      yield { from, value: head.value }
      heads[from] = await iterator.next()
    }
  } finally {
    await Promise.all(iterators.map(async (iterator) => iterator.return?.()))
  }
}

/**
 * Index of the head with the least time; -1 when all streams have ended. Streams are few: one per
 * container.
 */
function earliest<T>(
  heads: readonly IteratorResult<T, unknown>[],
  timeOf: (value: T) => number,
): number {
  let found = -1
  let least = Infinity
  heads.forEach((head, at) => {
    if (head.done === true) return
    const time = timeOf(head.value)
    if (found < 0 || time < least) {
      found = at
      least = time
    }
  })
  return found
}
