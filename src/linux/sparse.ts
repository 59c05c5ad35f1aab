/** Copies files that are mostly holes without writing the holes. @see lseek(2), SEEK_HOLE */

import { closeSync, constants, copyFileSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { lstatSync, type PathLike, writeSync } from 'node:fs'
import { errnoName } from './errno.ts'
import type { Fd } from './fd.ts'
import { declare, kernelError, lastErrno } from './libc.ts'

const lseek = declare('int64_t lseek(int fd, int64_t offset, int whence)')

const SEEK_DATA = 3 // include/uapi/linux/fs.h
const SEEK_HOLE = 4

const CHUNK_BYTES = 1024 * 1024
/** Of `stat.blocks`, whatever the file system's own are. @see stat(2) */
const STAT_BLOCK_BYTES = 512

/**
 * Copies a regular file to `to`, where nothing is yet; blocks are shared where the file system can.
 * Holes stay holes: an image may have a file of a terabyte that takes one block.
 */
export function copyFileWithHoles(from: PathLike, to: PathLike): void {
  const { size, blocks } = lstatSync(from)
  if (blocks * STAT_BLOCK_BYTES >= size) {
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    return
  }
  const source = openSync(from, 'r')
  try {
    const target = openSync(to, 'wx', 0o600)
    try {
      for (const part of dataParts(source, size)) copyPart(source, target, part)
      ftruncateSync(target, size)
    } finally {
      closeSync(target)
    }
  } finally {
    closeSync(source)
  }
}

interface Part {
  readonly start: number
  readonly end: number
}

function* dataParts(fd: Fd, size: number): Generator<Part, void> {
  for (let at = 0; at < size;) {
    const start = seek(fd, at, SEEK_DATA)
    if (start === undefined) return
    const end = seek(fd, start, SEEK_HOLE) ?? size
    yield { start, end }
    at = end
  }
}

/** Undefined: there is no more data. */
function seek(fd: Fd, offset: number, whence: number): number | undefined {
  const found = Number(lseek(fd, offset, whence))
  if (found >= 0) return found
  const errno = lastErrno()
  if (errnoName(errno) === 'ENXIO') return undefined
  throw kernelError(errno, { syscall: 'lseek', args: [fd, offset, whence] })
}

function copyPart(source: Fd, target: Fd, { start, end }: Part): void {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - start))
  for (let at = start; at < end;) {
    const bytes = readSync(source, buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytes === 0) return
    for (let done = 0; done < bytes;) {
      done += writeSync(target, buffer, done, bytes - done, at + done)
    }
    at += bytes
  }
}
