/** Reaps the children that libuv does not know: launch programs, spawned by posix_spawn. */

import { reapChildren } from '../linux/index.ts'
import type { Children } from './machine.ts'

/** Of this process, not of one engine in it: those of an engine that was closed end later on. */
let pids: readonly number[] = []

/** Looks at the added pids, and at no others, whenever SIGCHLD says that some child has ended. */
export function watchChildren(): Children & { close(): void } {
  const reap = (): void => {
    pids = reapChildren(pids)
  }
  process.on('SIGCHLD', reap)
  reap()
  return {
    add: (pid) => {
      pids = [...pids, pid]
    },
    close: () => process.off('SIGCHLD', reap),
  }
}
