/** Does something in a mount namespace that nobody else sees, and that ends with it. */

import { check, declare } from './libc.ts'
import { CLONE_NEW } from './namespace.ts'
import { visitMounts } from './visit.ts'

const unshare = declare('int unshare(int flags)')
const mount = declare(
  'int mount(const char *source, const char *target, const char *type, uint64_t flags, void *data)',
)
const MS_REC = 0x4000 // include/uapi/linux/mount.h
const MS_PRIVATE = 0x40000

/**
 * Runs `inside`, which has to be synchronous, where what it mounts reaches nobody. CLONE_NEWNS
 * implies CLONE_FS.
 */
export function withOwnMounts<T>(inside: () => T): T {
  return visitMounts(unshareMounts, () => {
    check(mount(null, '/', null, MS_REC | MS_PRIVATE, null), { syscall: 'mount', args: ['/'] })
    return inside()
  })
}

function unshareMounts(): void {
  check(unshare(CLONE_NEW.mnt), { syscall: 'unshare', args: ['CLONE_NEWNS'] })
}
