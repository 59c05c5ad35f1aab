/** Flags of open(2), as this architecture numbers them: x64 and arm64 differ in some. */

import { constants } from 'node:fs'

/**
 * include/uapi/asm-generic/fcntl.h, arch/arm64/include/uapi/asm/fcntl.h; node knows the local
 * ones.
 */
export const O: Readonly<
  Record<
    | 'RDONLY'
    | 'WRONLY'
    | 'RDWR'
    | 'CREAT'
    | 'EXCL'
    | 'NOCTTY'
    | 'TRUNC'
    | 'APPEND'
    | 'NONBLOCK'
    | 'DIRECTORY'
    | 'NOFOLLOW'
    | 'CLOEXEC'
    | 'PATH',
    number
  >
> = {
  RDONLY: constants.O_RDONLY,
  WRONLY: constants.O_WRONLY,
  RDWR: constants.O_RDWR,
  CREAT: constants.O_CREAT,
  EXCL: constants.O_EXCL,
  NOCTTY: constants.O_NOCTTY,
  TRUNC: constants.O_TRUNC,
  APPEND: constants.O_APPEND,
  NONBLOCK: constants.O_NONBLOCK,
  DIRECTORY: constants.O_DIRECTORY,
  NOFOLLOW: constants.O_NOFOLLOW,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
}

/**
 * Stands for the current directory where a descriptor is asked for (include/uapi/linux/fcntl.h).
 */
export const AT_FDCWD: number = -100
/** Do not follow a symbolic link at the end of the path. */
export const AT_SYMLINK_NOFOLLOW: number = 0x100
/** An empty path means the descriptor itself. */
export const AT_EMPTY_PATH: number = 0x1000
/** The whole tree of mounts below. */
export const AT_RECURSIVE: number = 0x8000
