/** Whose files are in a container with users of its own: its ids, and those that this machine sees. */

import { type IdRange, withFileUser } from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'

/** Id of nobody, where the kernel has no better one either (overflowuid). */
const NOBODY = 65_534

/** As the container counts. */
export function idInside(id: number, users: IdRange | undefined): number {
  if (users === undefined) return id
  const own = id - users.first
  return own >= 0 && own < users.count ? own : NOBODY
}

/**
 * As this machine counts.
 * @throws {EngineError} for an id that the container does not have
 */
export function idOutside(id: number, users: IdRange | undefined): number {
  if (users === undefined) return id
  if (id < users.count) return users.first + id
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot give a file to user or group ${id}: the container has ${users.count} of them`,
    { hint: 'copy without --archive: then it belongs to root of the container' },
  )
}

/** What `work` makes belongs to root of the container. */
export function asItsRoot<T>(users: IdRange | undefined, work: () => T): T {
  return users === undefined ? work() : withFileUser(users.first, work)
}
