/** Does something in a mount namespace that nobody else sees, and that ends with it. */

import { close } from './fd.ts'
import { check, declare, lastErrno } from './libc.ts'
import { errnoName } from './errno.ts'
import { CLONE_NEW, openNamespace } from './namespace.ts'

const setns = declare('int setns(int fd, int type)')
const unshare = declare('int unshare(int flags)')
const mount = declare(
  'int mount(const char *source, const char *target, const char *type, uint64_t flags, void *data)',
)
const MS_REC = 0x4000 // include/uapi/linux/mount.h
const MS_PRIVATE = 0x40000

/**
 * Runs `inside`, which has to be synchronous, where what it mounts reaches nobody. This thread's
 * working directory is its own from then on (CLONE_NEWNS implies CLONE_FS), and is set again.
 */
export function withOwnMounts<T>(inside: () => T): T {
  const directory = process.cwd()
  const home = openNamespace('mnt')
  try {
    check(unshare(CLONE_NEW.mnt), { syscall: 'unshare', args: ['CLONE_NEWNS'] })
    try {
      check(mount(null, '/', null, MS_REC | MS_PRIVATE, null), { syscall: 'mount', args: ['/'] })
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
