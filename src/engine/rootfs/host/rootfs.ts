/** `host:`: this machine's programs below a small root of our own. */

import { readFileSync } from 'node:fs'
import type { RootfsSource } from '../image.ts'
import { buildSkeleton } from './skeleton.ts'
import { programParts } from './parts.ts'

/** Built once in the life of this process for each cache directory: a restart costs nothing. */
const built = new Map<string, RootfsSource>()

export function hostRootfs(cacheDirectory: string): RootfsSource {
  const known = built.get(cacheDirectory)
  if (known) return known
  const parts = programParts('/', readFileSync('/proc/self/mountinfo', 'utf8'))
  const skeleton = buildSkeleton({ host: '/', cacheDirectory, parts })
  const source: RootfsSource = { lowers: [skeleton], parts, image: {} }
  built.set(cacheDirectory, source)
  return source
}

/** Forgets what was built, so that the next container gets the host's files of then. */
export function forgetHostRootfs(cacheDirectory: string): void {
  built.delete(cacheDirectory)
}
