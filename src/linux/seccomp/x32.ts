/** Whether this kernel has the x32 interface: Debian's has it switched off (syscall.x32). */

import { declareSyscall } from '../libc.ts'
import { ARCHITECTURE, syscallNumber, X32_BIT } from '../syscalls/index.ts'

let has: boolean | undefined

/** Asked once, by a call that does nothing. */
export function hasX32(): boolean {
  has ??=
    ARCHITECTURE === 'x64' && Number(declareSyscall(syscallNumber('getpid') + X32_BIT, [])()) > 0
  return has
}
