/** Puts a program's image where the kernel can execute it: a sealed memfd, or a private file. */

import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { KernelError } from '../../errors.ts'
import { check, declare } from '../libc.ts'

const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)')
const fcntl = declare('int fcntl(int fd, int command, int argument)')

const MFD_CLOEXEC = 1 // include/uapi/linux/memfd.h
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10 // since Linux 6.3; wanted where vm.memfd_noexec is 1
const F_ADD_SEALS = 1033 // include/uapi/linux/fcntl.h
const F_DUPFD_CLOEXEC = 1030
const SEALS = 0xf // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE

/** Bytes compared at a time when writing: what is all zero stays a hole and costs no memory. */
const BLOCK_BYTES = 4096

/** Something to execute. `release` closes and removes it; a process that runs it keeps it. */
export interface Executable {
  readonly path: string
  readonly release: () => void
}

/**
 * A sealed memfd: nobody can change it, not even through /proc/PID/exe (CVE-2019-5736).
 * Its descriptor is at least `fdMin`, out of the way of the numbers that the child is given.
 */
export function memoryExecutable(name: string, image: Buffer, fdMin: number): Executable {
  const fd = atLeast(createMemfd(name), fdMin)
  const release = (): void => closeSync(fd)
  try {
    writeSparse(fd, image)
    check(fcntl(fd, F_ADD_SEALS, SEALS), { syscall: 'fcntl', args: [fd, 'F_ADD_SEALS', SEALS] })
  } catch (error) {
    release()
    throw error
  }
  return { path: `/proc/self/fd/${fd}`, release }
}

/** A file of mode 0700 in `directory`, for hosts that forbid executing a memfd. */
export function fileExecutable(directory: string, image: Buffer): Executable {
  const path = join(directory, `.launch-${randomBytes(8).toString('hex')}`)
  const fd = openSync(path, 'wx', 0o700)
  const release = (): void => rmSync(path, { force: true })
  try {
    writeSparse(fd, image)
  } catch (error) {
    release()
    throw error
  } finally {
    closeSync(fd) // A file open for writing is ETXTBSY in execve(2).
  }
  return { path, release }
}

let memfdFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC

function createMemfd(name: string): number {
  try {
    return check(memfdCreate(name, memfdFlags), { syscall: 'memfd_create', args: [name] })
  } catch (error) {
    const isOldKernel = error instanceof KernelError && error.errnoName === 'EINVAL'
    if (!isOldKernel || (memfdFlags & MFD_EXEC) === 0) throw error
    memfdFlags &= ~MFD_EXEC
    return createMemfd(name)
  }
}

function atLeast(fd: number, fdMin: number): number {
  if (fd >= fdMin) return fd
  try {
    return check(fcntl(fd, F_DUPFD_CLOEXEC, fdMin), {
      syscall: 'fcntl',
      args: [fd, 'F_DUPFD_CLOEXEC', fdMin],
    })
  } finally {
    closeSync(fd)
  }
}

/** Writes the blocks of `image` that hold anything; the last one always, for the length. */
function writeSparse(fd: number, image: Buffer): void {
  for (let at = 0; at < image.length; at += BLOCK_BYTES) {
    const block = image.subarray(at, at + BLOCK_BYTES)
    const isLast = at + BLOCK_BYTES >= image.length
    if (isLast || block.some((byte) => byte !== 0)) writeSync(fd, block, 0, block.length, at)
  }
}
