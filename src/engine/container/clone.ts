/** What clone3(2) is told. */

import * as kernel from './kernel.ts'

/** struct clone_args. @see clone3(2), include/uapi/linux/sched.h */
export function cloneArguments(clone: {
  /** CLONE_* of 32 bits. */
  readonly flags: number
  /** Child-side number of the cgroup directory to be born into. */
  readonly cgroupFd?: number | undefined
}): Buffer {
  const { flags, cgroupFd } = clone
  const args = Buffer.alloc(kernel.CLONE_ARGS_BYTES)
  const intoCgroup = cgroupFd === undefined ? 0n : kernel.CLONE_INTO_CGROUP
  args.writeBigUInt64LE(BigInt(flags) | intoCgroup, 0)
  // CLONE_PARENT with an exit signal is EINVAL: the child has that of who clones it.
  const signal = (flags & kernel.CLONE_PARENT) === 0 ? kernel.SIGCHLD : 0
  args.writeBigUInt64LE(BigInt(signal), 32)
  args.writeBigUInt64LE(BigInt(cgroupFd ?? 0), 80)
  return args
}
