/** Works through a list, a few at a time. */

/**
 * Calls `work` for each item, at most `atOnce` at a time. After a failure the signal given to the
 * others is aborted; all have ended when the first error is thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const errors: unknown[] = []
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failed.signal.aborted) return
      try {
        await work(item, failed.signal)
      } catch (error) {
        errors.push(error)
        failed.abort()
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  // The others only tell that they were stopped.
  if (errors.length > 0) throw errors[0]
}
