/** Clones a tree that is mounted in somebody else's mount namespace. */

import { close, type Fd } from './fd.ts'
import { check, declare, lastErrno } from './libc.ts'
import { errnoName } from './errno.ts'
import { openTree } from './mount.ts'
import { CLONE_NEW, openNamespace } from './namespace.ts'

const setns = declare('int setns(int fd, int type)')
const unshare = declare('int unshare(int flags)')

const CLONE_FS = 0x200 // include/uapi/linux/sched.h

/**
 * A detached copy of what is mounted at `path` as the process of `pidfd` sees it; a link
 * at its end is no tree. Only somebody who is there may clone it (check_mnt in fs/namespace.c).
 * This thread's working directory is its own from then on, and is set again.
 */
export function openForeignTree(pidfd: Fd, path: string): Fd {
  const directory = process.cwd()
  const home = openNamespace('mnt')
  try {
    // A thread that shares its root with others may not change its mount namespace: setns(2).
    check(unshare(CLONE_FS), { syscall: 'unshare', args: ['CLONE_FS'] })
    check(setns(pidfd, CLONE_NEW.mnt), { syscall: 'setns', args: [pidfd, 'mnt'] })
    try {
      return openTree(path, { clone: true, recursive: false, noFollow: true })
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
