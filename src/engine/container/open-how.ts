/** How the child opens paths: the argument of openat2(2). */

import type { Program } from '../../linux/index.ts'
import * as kernel from './kernel.ts'

/** Address of a struct open_how: flags, mode, resolve. include/uapi/linux/openat2.h */
export function openHow(
  program: Program,
  how: { readonly flags: number; readonly resolve: number },
): number {
  const bytes = Buffer.alloc(kernel.OPEN_HOW_BYTES)
  bytes.writeBigUInt64LE(BigInt(how.flags), 0)
  bytes.writeBigUInt64LE(BigInt(how.resolve), 16)
  return program.bytes(bytes, 8)
}

/** For a place to mount on: never past the root that it is looked up in. */
export function howToFind(program: Program, resolve: number): number {
  return openHow(program, { flags: kernel.O_PATH | kernel.O_CLOEXEC, resolve })
}
