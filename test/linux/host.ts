/** Temporary directories and a network namespace for kernel tests, taken away afterwards. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function withDirectory<T>(use: (path: string) => T): T {
  const path = mkdtempSync(join(tmpdir(), 'tsstack-linux-'))
  try {
    return use(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** Runs `use` and says how many descriptors more are open afterwards. */
export function leakedDescriptors(use: () => void): number {
  const before = readdirSync('/proc/self/fd').length
  use()
  return readdirSync('/proc/self/fd').length - before
}
