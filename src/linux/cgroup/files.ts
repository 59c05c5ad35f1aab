/** Reads and writes cgroup files; a failure names the file, the value and errno. */

import { closeSync, constants, openSync, readFileSync, write, writeSync } from 'node:fs'
import { isErrno, KernelError } from '../../errors.ts'
import { kernelError } from '../libc.ts'

/** Writes each value in one write(2), as the kernel wants it. */
export function writeCgroupFile(path: string, ...values: readonly string[]): void {
  if (values.length === 0) return
  // writeFileSync would add O_CREAT and O_TRUNC, which cgroupfs answers with EPERM for a missing
  // file.
  const fd = openToWrite(path)
  try {
    for (const value of values) attempt('write', path, value, () => writeSync(fd, value))
  } finally {
    closeSync(fd)
  }
}

/** Writes one value; false: the kernel offers no such file. */
export function writeIfPresent(path: string, value: string): boolean {
  try {
    writeCgroupFile(path, value)
    return true
  } catch (error) {
    if (error instanceof KernelError && error.syscall === 'open' && isErrno(error, 'ENOENT'))
      return false
    throw error
  }
}

/** Writes one value, while this thread goes on with something else. */
export async function writeCgroupFileBeside(path: string, value: string): Promise<void> {
  const fd = openToWrite(path)
  const { promise, resolve } = Promise.withResolvers<Error | null>()
  write(fd, value, resolve)
  const error = await promise
  closeSync(fd)
  if (error !== null) throw asKernelError(error, 'write', [path, value])
}

function openToWrite(path: string): number {
  return attempt('open', path, undefined, () => openSync(path, constants.O_WRONLY))
}

/** The text without its final newline, or `undefined` when the file or its group is gone. */
export function readCgroupFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd()
  } catch (error) {
    // ENODEV: the group was removed while the file was open.
    if (hasCode(error, 'ENOENT', 'ENODEV', 'ENOTDIR')) return undefined
    throw asKernelError(error, 'read', [path])
  }
}

/** A number from a file that holds one; `max` and v1's "no limit" are `undefined`. */
export function readCgroupNumber(path: string): number | undefined {
  return parseCgroupNumber(readCgroupFile(path))
}

/**
 * `max`, -1 and anything from 2^60 up mean no limit: v1 shows an unlimited memory file as
 * 9223372036854771712 (PAGE_COUNTER_MAX pages).
 */
export function parseCgroupNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  const value = Number(text)
  return value < 2 ** 60 ? value : undefined
}

/** A number from a file of `key value` lines, such as `oom_kill` of memory.events. */
export function readCgroupField(path: string, key: string): number | undefined {
  const line = readCgroupFile(path)
    ?.split('\n')
    .find((entry) => entry.startsWith(`${key} `))
  return parseCgroupNumber(line?.slice(key.length + 1))
}

/** True for an error of node's fs with one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** The error of a failed file operation in the words of the kernel. */
export function asKernelError(
  error: unknown,
  syscall: string,
  args: readonly unknown[],
  hint?: string,
): unknown {
  if (!(error instanceof Error) || !('errno' in error)) return error
  return kernelError(-Number(error.errno), { syscall, args, hint })
}

function attempt<T>(syscall: string, path: string, value: string | undefined, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw asKernelError(error, syscall, value === undefined ? [path] : [path, value])
  }
}
