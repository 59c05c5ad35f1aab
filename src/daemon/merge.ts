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

/** A stream that goes on after what it had to begin with. */
export class Following<T> {
  /** Tells that all there was to begin with has been given. */
  readonly caughtUp: () => void
  readonly #iterator: AsyncIterator<T>
  readonly #isCaughtUp: Promise<void>
  #next: Promise<IteratorResult<T, unknown>> | undefined

  constructor(open: (caughtUp: () => void) => AsyncIterable<T>) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#isCaughtUp = promise
    this.caughtUp = resolve
    this.#iterator = open(resolve)[Symbol.asyncIterator]()
  }

  /** The next value of the beginning; undefined when it is over. Not lost: `rest` begins with it. */
  async head(): Promise<T | undefined> {
    this.#next ??= this.#iterator.next()
    const result = await Promise.race([this.#next, this.#isCaughtUp])
    return result === undefined || result.done === true ? undefined : result.value
  }

  /** Takes the head away. */
  skip(): void {
    this.#next = undefined
  }

  /** Everything that has not been taken yet. */
  async *rest(): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const result = await (this.#next ?? this.#iterator.next())
        this.#next = undefined
        if (result.done === true) return
        yield result.value
      }
    } finally {
      await this.#iterator.return?.()
    }
  }
}

/** The beginnings of all `streams` in the order of `timeOf`; what follows is left to `rest()`. */
export async function* mergeBeginnings<T>(
  streams: readonly Following<T>[],
  timeOf: (value: T) => number,
): AsyncGenerator<Merged<T>, void> {
  const heads = await Promise.all(streams.map((stream) => stream.head()))
  for (;;) {
    const results = heads.map((value) =>
      value === undefined
        ? { done: true as const, value: undefined }
        : { done: false as const, value },
    )
    const from = earliest(results, timeOf)
    const value = heads[from]
    if (value === undefined) return
    yield { from, value }
    streams[from]?.skip()
    heads[from] = await streams[from]?.head()
  }
}
