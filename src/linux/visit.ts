/** A visit to another mount namespace, from which this thread comes back whatever happens there. */

import { close } from './fd.ts'
import { declare, lastErrno } from './libc.ts'
import { errnoName } from './errno.ts'
import { CLONE_NEW, openNamespace } from './namespace.ts'

const setns = declare('int setns(int fd, int type)')

/**
 * Runs `inside`, which has to be synchronous, where `enter` leads. This thread's root and working
 * directory are its own from then on (setns(2) asks for it), and the latter is set again. A thread
 * that cannot come back must not go on: it would mount and look elsewhere, so the process aborts.
 */
export function visitMounts<T>(enter: () => void, inside: () => T): T {
  const directory = process.cwd()
  const home = openNamespace('mnt')
  try {
    enter()
    try {
      return inside()
    } finally {
      if (Number(setns(home, CLONE_NEW.mnt)) !== 0) {
        process.stderr.write(`Cannot return to the mount namespace: ${errnoName(lastErrno())}\n`)
        process.abort()
      }
      process.chdir(directory)
    }
  } finally {
    close(home)
  }
}
