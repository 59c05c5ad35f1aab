/** Reaps the children that libuv does not know: launch programs, spawned by posix_spawn. */

import { reapChildren } from '../linux/index.ts'
import type { Children } from './machine.ts'

/** Looks at the added pids, and at no others, whenever SIGCHLD says that some child has ended. */
export function watchChildren(): Children & { close(): void } {
  let pids: readonly number[] = []
  const reap = (): void => {
    pids = reapChildren(pids)
  }
  process.on('SIGCHLD', reap)
  return {
    add: (pid) => {
      pids = [...pids, pid]
    },
    close: () => process.off('SIGCHLD', reap),
  }
}
