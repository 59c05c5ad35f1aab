/** Reaps the children that libuv does not know: launch programs, spawned by posix_spawn. */

import { reapChildren } from '../linux/index.ts'
import type { Children } from './machine.ts'

/** Of this process, not of one engine in it: a child may end after its engine was closed. */
let pids: readonly number[] = []

/** Looks at the added pids, and at no others, whenever SIGCHLD says that some child has ended. */
export function watchChildren(): Children & { close(): void } {
  return {
    add: (pid) => {
      if (pids.length === 0) process.on('SIGCHLD', reap)
      // It may have ended before anybody looked at it.
      if (reapChildren([pid]).length > 0) pids = [...pids, pid]
      else reap()
    },
    close: reap,
  }
}

function reap(): void {
  pids = reapChildren(pids)
  if (pids.length === 0) process.off('SIGCHLD', reap)
}
