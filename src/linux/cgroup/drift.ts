/** What a group's files say beside what they were told. */

import { join } from 'node:path'
import { directoryOf, type GroupDirectory } from './directories.ts'
import { readCgroupFile } from './files.ts'
import { writesFor } from './settings.ts'
import type { CgroupSettings } from './types.ts'

/** One limit. */
export interface CgroupFact {
  /** `memory.limit_in_bytes`. */
  readonly file: string
  readonly wanted: string
  /** As the kernel writes it; equal to `wanted` where it means the same. */
  readonly actual: string
}

/** v1 writes "no limit" as the largest multiple of a page below 2^63. */
const NO_LIMIT_MIN = 2 ** 62
const PAGE_BYTES = 4096

/** Controllers whose settings {@link readFacts} looks after. */
const LIMITING: ReadonlySet<string> = new Set(['blkio', 'cpu', 'cpuset', 'io', 'memory', 'pids'])

/** Whether any of its files says a limit. */
export function hasLimits({ controllers }: GroupDirectory): boolean {
  return controllers.some((controller) => LIMITING.has(controller))
}

/** Every single number or list that `settings` says, or that a group has when they do not. */
export function readFacts(
  directories: readonly GroupDirectory[],
  settings: CgroupSettings,
): readonly CgroupFact[] {
  return writesFor(directories, settings, { fresh: false }).flatMap(
    ({ controller, file, value }) => {
      const home = directoryOf(directories, controller)
      const actual = home && readCgroupFile(join(home.directory, file))?.trim()
      const wanted = value.trim()
      // Lists by device and settings with subkeys are told once, and not looked after.
      if (actual === undefined || actual.includes('\n') || wanted.includes('\n')) return []
      return [{ file, wanted, actual: meansSame(file, wanted, actual) ? wanted : actual }]
    },
  )
}

function meansSame(file: string, wanted: string, actual: string): boolean {
  if (wanted === actual) return true
  if (file.startsWith('cpuset.')) return listed(wanted) === listed(actual)
  if (wanted === '-1' || wanted === 'max') return Number(actual) >= NO_LIMIT_MIN
  const [want, is] = [Number(wanted), Number(actual)]
  // Memory is counted in pages, rounded down.
  return file.startsWith('memory.') && is === want - (want % PAGE_BYTES)
}

/** `0-2,5` and `0,1,2,5` are one set. */
function listed(text: string): string {
  const parts = text.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
  return parts.sort((a, b) => a - b).join()
}
