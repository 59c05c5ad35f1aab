/** Puts a program's image where the kernel can execute it: a sealed memfd, or a private file. */

import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { dup, memfd, seal } from '../fd.ts'

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
  const fd = atLeast(sealedMemfd(name, image), fdMin)
  return { path: `/proc/self/fd/${fd}`, release: () => closeSync(fd) }
}

/** The sealed memfd itself, for a program that another launch program executes (execveat). */
export function sealedMemfd(name: string, image: Buffer): number {
  const fd = memfd(name)
  try {
    writeSparse(fd, image)
    seal(fd)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
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

function atLeast(fd: number, fdMin: number): number {
  if (fd >= fdMin) return fd
  try {
    return dup(fd, fdMin)
  } finally {
    closeSync(fd)
  }
}

/** Writes the stretches of `image` that hold anything; the last block always, for the length. */
function writeSparse(fd: number, image: Buffer): void {
  let begun: number | undefined
  for (let at = 0; at < image.length; at += BLOCK_BYTES) {
    const end = at + BLOCK_BYTES
    const isLast = end >= image.length
    if (isLast || image.subarray(at, end).some((byte) => byte !== 0)) begun ??= at
    else begun = writeStretch(fd, image, { begun, end: at })
  }
  writeStretch(fd, image, { begun, end: image.length })
}

function writeStretch(
  fd: number,
  image: Buffer,
  { begun, end }: { readonly begun: number | undefined; readonly end: number },
): undefined {
  if (begun !== undefined) writeSync(fd, image, begun, end - begun, begun)
}
