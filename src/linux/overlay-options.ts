/** How every overlay of ours is mounted: what one kernel makes, every kernel reads. */

import { inUserNamespace } from './own-users.ts'

/**
 * Docker's choices. `index=off`: with it a layer that a crash left in use is refused. `metacopy`
 * and `redirect_dir` off: they let an attribute of a file point elsewhere. Without root of the
 * machine an overlay has its notes in `user.*`, and trusts no other.
 */
export function overlayOptions(): Readonly<Record<string, string | true>> {
  return inUserNamespace()
    ? { index: 'off', userxattr: true }
    : { index: 'off', metacopy: 'off', redirect_dir: 'off' }
}
