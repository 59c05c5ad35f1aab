/** Clones a tree that is mounted in somebody else's mount namespace. */

import type { Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { openTree } from './mount.ts'
import { CLONE_NEW } from './namespace.ts'
import { visitMounts } from './visit.ts'

const setns = declare('int setns(int fd, int type)')
const unshare = declare('int unshare(int flags)')

const CLONE_FS = 0x200 // include/uapi/linux/sched.h

/**
 * A detached copy of what is mounted at `path` as the process of `pidfd` sees it; a link
 * at its end is no tree. Only somebody who is there may clone it (check_mnt in fs/namespace.c).
 */
export function openForeignTree(pidfd: Fd, path: string): Fd {
  const enter = (): void => {
    // A thread that shares its root with others may not change its mount namespace: setns(2).
    check(unshare(CLONE_FS), { syscall: 'unshare', args: ['CLONE_FS'] })
    check(setns(pidfd, CLONE_NEW.mnt), { syscall: 'setns', args: [pidfd, 'mnt'] })
  }
  return visitMounts(enter, () => openTree(path, { clone: true, recursive: false, noFollow: true }))
}
