/** Memory that is held although nobody uses it: by the C library, and of the program's own file. */

import { readFileSync } from 'node:fs'
import { declare, type LibcFunction } from './libc.ts'

const madvise = declare('int madvise(uintptr_t address, size_t length, int advice)')
const MADV_DONTNEED = 4 // include/uapi/asm-generic/mman-common.h

let trim: LibcFunction | undefined | 'absent'

/** Gives it back to the kernel, where the C library can: musl keeps none. @see malloc_trim(3) */
export function trimMemory(): void {
  trim ??= declared()
  if (trim !== 'absent') trim(0)
}

/** Resident bytes of this process that are no file's. @see proc_pid_status(5) */
export function anonymousBytes(): number {
  const [, kib = '0'] =
    /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kib) * 1024
}

function declared(): LibcFunction | 'absent' {
  try {
    return declare('int malloc_trim(size_t pad)')
  } catch {
    return 'absent'
  }
}

/**
 * Lets go of the pages of this process's program (some 40 MiB of node) that are as they are in its
 * file: most of them only its start has needed. Whatever is used again comes from the page cache.
 * @see madvise(2), proc_pid_smaps(5)
 */
export function releaseProgram(): void {
  for (const { start, end } of untouchedMappings(readFileSync('/proc/self/smaps', 'utf8'))) {
    // That it cannot be had back is no failure.
    madvise(start, end - start, MADV_DONTNEED)
  }
}

/** Of the program, not writable, and without a page of our own, which would be lost. */
function untouchedMappings(
  smaps: string,
): readonly { readonly start: number; readonly end: number }[] {
  return smaps.split(/^(?=[0-9a-f]+-)/m).flatMap((mapping) => {
    const [line = ''] = mapping.split('\n', 1)
    const found = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p .*? (\/.*)$/.exec(line)
    const isOwn = found?.[3]?.trimStart() === process.execPath
    if (!isOwn || !/^Anonymous: +0 kB$/m.test(mapping)) return []
    return [{ start: parseInt(found[1] ?? '', 16), end: parseInt(found[2] ?? '', 16) }]
  })
}
