/** Memory that the C library holds although nobody uses it. */

import { declare, type LibcFunction } from './libc.ts'

let trim: LibcFunction | undefined | 'absent'

/** Gives it back to the kernel, where the C library can: musl keeps none. @see malloc_trim(3) */
export function trimMemory(): void {
  trim ??= declared()
  if (trim !== 'absent') trim(0)
}

function declared(): LibcFunction | 'absent' {
  try {
    return declare('int malloc_trim(size_t pad)')
  } catch {
    return 'absent'
  }
}
