/**
 * Changes of a container while it is there, one at a time: a plan's and a command's, what mends it,
 * and the removal of what its end has left. Each takes several steps, between which the kernel has
 * what no record says.
 */

import type { LiveContainer } from './machine.ts'

/** Does `work` when nobody else changes `one`: a container, or the networks of the machine. */
export async function alone<T>(
  one: Pick<LiveContainer, 'changing'>,
  work: () => T | Promise<T>,
): Promise<T> {
  while (one.changing) await one.changing
  const { promise, resolve } = Promise.withResolvers<void>()
  one.changing = promise
  try {
    return await work()
  } finally {
    one.changing = undefined
    resolve()
  }
}

/**
 * The same for a change of what it should be: a start that is under way, and does not know of it,
 * comes first.
 */
export async function change<T>(container: LiveContainer, work: () => T | Promise<T>): Promise<T> {
  const pending = (): Promise<void> | undefined => container.starting ?? container.changing
  while (pending()) await pending()
  return alone(container, work)
}

/** Tells whether what `container` should be, and what is recorded of it, is what it is now. */
export function unchangedSince(container: LiveContainer): () => boolean {
  const { attempt, record } = container
  const own = attempt?.record
  return () =>
    container.attempt === attempt &&
    container.attempt?.record === own &&
    container.record.spec === record.spec
}
